"""The files of a proposal store and their names; imports no heavy library.

STORE/manifest.json, and for each shard of images STORE/shards/00000.objects.arrow (a row per
object) and 00000.images.arrow (a row per image). Where they are needed, STORE/coverage.json and
STORE/proposer.safetensors. A shard counts once both of its files are there; the images file is
renamed into place last.
"""

from __future__ import annotations

import re
from pathlib import Path

MANIFEST_NAME = "manifest.json"
COVERAGE_NAME = "coverage.json"
"""What of the images was annotated; there only if something was said about one of them."""

WEIGHTS_NAME = "proposer.safetensors"
"""Weights of a proposer that was adapted to the data set; there only if it was."""

SHARDS = "shards"
OBJECTS_SUFFIX = ".objects.arrow"
IMAGES_SUFFIX = ".images.arrow"
TEMPORARY_SUFFIX = ".part"


class StoreError(ValueError):
    """A proposal store that is missing, damaged, too new, or made of something else."""


def shard_file(store: Path, number: int, suffix: str) -> Path:
    """Return the path of a shard's file of objects or images."""
    return store / SHARDS / shard_name(number, suffix)


def shard_name(number: int, suffix: str) -> str:
    """Return the name of a shard's file of objects or images."""
    return f"{number:05d}{suffix}"


def complete_shards(store: Path) -> list[int]:
    """List the numbers of the shards of which both files are in place, ascending."""
    folder = store / SHARDS
    return complete_numbers(
        {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    )


def complete_numbers(names: set[str]) -> list[int]:
    """List the numbers of the shards of which both files are among the names, ascending."""
    pattern = re.compile(rf"(\d+){re.escape(IMAGES_SUFFIX)}")
    matches = (pattern.fullmatch(name) for name in names)
    return sorted(
        int(match[1]) for match in matches if match and f"{match[1]}{OBJECTS_SUFFIX}" in names
    )
