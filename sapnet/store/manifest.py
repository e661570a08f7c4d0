"""The description of a proposal store, and the check that two runs may share one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sapnet.store.layout import MANIFEST_NAME, StoreError
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.system.differences import differences
from sapnet.system.from_json import JSON
from sapnet.system.locations import Location, join
from sapnet.system.version import __version__

FORMAT_VERSION = 2
"""Incremented when an older sapnet can no longer read the files."""

PLAIN_FORMAT_VERSION = 1
"""Written where no box is an estimate, which version 2 adds: older stores can be continued."""

_LATER_VALUES = frozenset({"mask", "box_score"})
"""Fields of clicks that early stores did not have."""


BITS = "bits"
"""Key in the settings: the bit depth of images of more than 8 bits, where there are any."""


@dataclass(frozen=True)
class Manifest:
    """A store's description, its `manifest.json`.

    Attributes:
        proposer: the proposer's name.
        settings: all settings that decide the proposals.
        data_fingerprint: of the clicks, images and categories; see `fingerprint`.
        categories: of the data set.
        num_images: images the finished store holds, those without clicks included.
        num_objects: objects the finished store holds.
        created: start of the run, ISO 8601, UTC.
        sapnet_version: version that began it.
        format_version: of the files' layout.
    """

    proposer: str
    settings: Mapping[str, JSON]
    data_fingerprint: str
    categories: tuple[Category, ...]
    num_images: int
    num_objects: int
    created: str
    sapnet_version: str = __version__
    format_version: int = FORMAT_VERSION


def fingerprint(clicks: ClickSet) -> str:
    """Return the SHA-256 of all images, categories and clicks, in their order."""
    digest = hashlib.sha256()
    for part in (clicks.images, clicks.categories, clicks.clicks):
        for entry in part:
            digest.update(repr(_values(entry)).encode())
    return digest.hexdigest()


def _values(entry: ImageRecord | Category | Click) -> tuple[object, ...]:
    """Return an entry's values; fields that early stores did not have count only where set."""
    return tuple(v for k, v in vars(entry).items() if k not in _LATER_VALUES or v is not None)


def load_manifest(store: Path) -> Manifest:
    """Read the manifest of a store.

    Raises:
        StoreError: there is no store, the manifest is damaged, or a newer sapnet wrote it.
    """
    path = store / MANIFEST_NAME
    if not path.is_file():
        raise StoreError(
            f"{store}: no proposal store here ({MANIFEST_NAME} is missing). Make one with "
            f"`sapnet propose --out {store} ...`, or give the folder of an existing one."
        )
    return parse_manifest(path.read_bytes(), store)


def parse_manifest(text: bytes, store: Location) -> Manifest:
    """Parse the content of a manifest file; `store` is named in messages.

    Raises:
        StoreError: it is damaged, or a newer sapnet wrote it.
    """
    path = join(store, MANIFEST_NAME)
    try:
        content = json.loads(text)
        version = int(content["format_version"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise StoreError(f"{path}: damaged ({error!r}). {_start_again(store)}") from error
    if version > FORMAT_VERSION:
        raise StoreError(
            f"{store}: written in format {version} by sapnet {content.get('sapnet_version')}; this "
            f"sapnet {__version__} reads up to {FORMAT_VERSION}. Update sapnet, or propose "
            "again into another folder."
        )
    try:
        return _manifest_from_json(content)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: damaged ({error!r}). {_start_again(store)}") from error


def manifest_text(manifest: Manifest) -> bytes:
    """Return the content of a store's manifest file."""
    return (json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n").encode()


_DIFFERENCE = "{name}: the store has {found!r}, this run {wanted!r}"


def check_same_run(store: Location, found: Manifest, wanted: Manifest) -> None:
    """Refuse to continue a store that another proposer, other settings or other data made.

    Raises:
        StoreError: names each key that differs, with both values, and what to do.
    """
    same_proposer = found.proposer == wanted.proposer
    before, now = (_comparable(manifest, same_proposer) for manifest in (found, wanted))
    if lines := differences(before, now, line=_DIFFERENCE):
        raise StoreError(
            f"{store} was made differently and cannot be continued: {'; '.join(lines)}. "
            "Give another --out, delete that folder, or run with the settings it was made with."
        )


def _comparable(manifest: Manifest, with_settings: bool) -> dict[str, object]:
    """Return what must agree; settings of two different proposers have nothing in common."""
    settings = manifest.settings if with_settings else {}
    return {
        "format_version": manifest.format_version,
        "proposer": manifest.proposer,
        "data (images, categories, clicks)": manifest.data_fingerprint[:12],
        **{f"settings.{key}": value for key, value in settings.items()},
    }


def _manifest_from_json(content: Mapping[str, Any]) -> Manifest:
    categories = tuple(
        Category(int(entry["category_id"]), str(entry["name"])) for entry in content["categories"]
    )
    return Manifest(**{**content, "categories": categories})


def _start_again(store: Location) -> str:
    return f"Delete {store} and run `sapnet propose` again."
