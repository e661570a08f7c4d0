"""Looking ahead: images are looked at in the background, the one on the page first."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sapnet.annotate.listing import ImageListing, ListedImage
from sapnet.annotate.suggest.ordering import spread_order
from sapnet.annotate.suggest.seen import SeenFile, SeenImage

logger = logging.getLogger(__name__)

_MOST_DEATHS = 3
"""Times that the process may die before the page goes on without it."""


@dataclass(frozen=True)
class Progress:
    """Progress of the looking.

    Attributes:
        looked: images that were looked at.
        total: images that can be.
        message: what went wrong last; empty if nothing did.
    """

    looked: int
    total: int
    message: str


class Look(Protocol):
    """Something that looks at an image, perhaps in another process."""

    def __call__(self, path: Path, /) -> SeenImage:
        """Return what is seen; ValueError: a bad image; ConnectionError: the process died."""
        ...

    def close(self) -> None:
        """End the process, in the middle of an image."""
        ...


class Scout:
    """Looks at all images, one after the other; one that the page asks for comes first.

    Args:
        listing: the images.
        seen: keeps what was seen.
        look: returns what a run sees on an image.
        is_touched: tells if somebody worked on an image; such images come last.
    """

    def __init__(
        self,
        listing: ImageListing,
        seen: SeenFile,
        look: Look,
        is_touched: Callable[[str], bool],
    ) -> None:
        self._listing, self._seen, self._look = listing, seen, look
        self._is_touched = is_touched
        readable = [image.name for image in listing if not image.problem]
        order = [readable[place] for place in spread_order(len(readable))]
        self._waiting = deque(sorted(order, key=is_touched))  # stable: spread within both groups
        self._wanted: deque[str] = deque(maxlen=8)
        self._failed: set[str] = set()
        self._message = ""
        self._deaths = 0
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop, in the middle of an image."""
        self._stopped.set()
        self._wake.set()
        self._look.close()
        if self._thread.is_alive():
            self._thread.join()

    def want(self, name: str) -> None:
        """Look at an image next, unless it was looked at."""
        with suppress(ValueError):
            self._wanted.remove(name)
        self._wanted.append(name)
        self._wake.set()

    def has_failed(self, name: str) -> bool:
        """Return True if an image cannot be looked at."""
        return name in self._failed or self._deaths >= _MOST_DEATHS

    @property
    def progress(self) -> Progress:
        """Number of images that were looked at, of all."""
        readable = [image for image in self._listing if not image.problem]
        looked = sum(self._is_known(image) for image in readable)
        return Progress(looked, len(readable) - len(self._failed), self._message)

    def _is_known(self, image: ListedImage) -> bool:
        seen = self._seen.images.get(image.name)
        return seen is not None and seen.stamp == image.stamp

    def _run(self) -> None:
        while not self._stopped.is_set() and self._deaths < _MOST_DEATHS:
            self._wake.clear()
            image = self._next()
            if image is None:
                self._wake.wait()
            else:
                self._look_at(image)

    def _next(self) -> ListedImage | None:
        while self._wanted or self._waiting:
            name = self._wanted.pop() if self._wanted else self._waiting.popleft()
            image = self._listing[name]
            if name not in self._failed and not image.problem and not self._is_known(image):
                return image
        return None

    def _look_at(self, image: ListedImage) -> None:
        try:
            found = self._look(image.path)
            self._seen.add(image.name, replace(found, stamp=image.stamp))
        except ConnectionError as error:
            if self._stopped.is_set():
                return
            self._deaths += 1
            self._waiting.append(image.name)
            self._tell(f"{error}, perhaps because memory ran out. Clicking goes on")
        except (OSError, ValueError) as error:
            self._failed.add(image.name)
            self._tell(str(error))

    def _tell(self, message: str) -> None:
        self._message = message
        logger.info("suggestions: %s", message)
