"""The images and documents that the server works on, whatever the page does with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fastapi import HTTPException

from sapnet.annotate.documents import Document
from sapnet.annotate.listing import ImageListing, ListedImage
from sapnet.annotate.pixels import PixelCache
from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.annotate.wire import ObjectBody, to_click
from sapnet.structures.clicks import Category, Click, ImageRecord


class ImageDocuments(Protocol):
    """The documents of a folder of images, by image name."""

    @property
    def path(self) -> Path:
        """The file that holds the documents."""
        ...

    @property
    def categories(self) -> tuple[Category, ...]:
        """The classes of the objects."""
        ...

    def record(self, name: str) -> ImageRecord:
        """Return the image's entry of the file."""
        ...

    def document(self, name: str) -> Document:
        """Return the current clicks of an image."""
        ...

    def summary(self, name: str) -> tuple[int, bool]:
        """Return the number of objects of an image, and True if it is marked as finished."""
        ...


Documents_co = TypeVar("Documents_co", bound=ImageDocuments, covariant=True)


@dataclass(frozen=True)
class Workspace(Generic[Documents_co]):
    """Everything that the server works on.

    Attributes:
        listing: the images.
        file: the documents of the images.
        preview: worker that proposes candidate masks; None for no candidates.
        mode: mode in which the page opens: "annotate", or the name of another module of the page.
        pixels: decoded images.
        is_taught: True if the preview learns from pinned masks.
        run: name of the run that makes suggestions; None without one.
    """

    listing: ImageListing
    file: Documents_co
    preview: PreviewWorker | None = None
    mode: str = "annotate"
    pixels: PixelCache = field(default_factory=PixelCache)
    is_taught: bool = False
    run: str | None = None

    def find_image(self, name: str) -> ListedImage:
        """Return the listed image of a name.

        Raises:
            HTTPException: 404 if it was not listed; nothing outside the listing can be named.
        """
        if name not in self.listing:
            raise HTTPException(404, f"no image {name!r} in this folder")
        return self.listing[name]

    def find_readable(self, name: str) -> ListedImage:
        """Return the listed image of a name; nothing that has a problem is served.

        Raises:
            HTTPException: 404 if it was not listed, 422 with its problem if it has one.
        """
        listed = self.find_image(name)
        if listed.problem:
            raise HTTPException(422, listed.problem)
        return listed

    def to_clicks(self, name: str, objects: Sequence[ObjectBody]) -> tuple[Click, ...]:
        """Convert the objects that the page sent for an image to clicks.

        Raises:
            ValueError: an object does not fit the image or the categories.
        """
        record = self.file.record(name)
        categories = frozenset(category.category_id for category in self.file.categories)
        return tuple(to_click(body, record, categories) for body in objects)
