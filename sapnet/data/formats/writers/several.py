"""Masks in several formats at once, beside a json file of labels or predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.choices import MASK_FORMATS
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.export import (
    FILE_FORMATS,
    ExportReport,
    check_new_files,
    check_split,
    export_masks,
)
from sapnet.data.formats.writers.files import ExportOptions, ExportSettings
from sapnet.system.written_files import check_output

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet


@dataclass(frozen=True)
class Exports:
    """Masks written in several formats.

    Attributes:
        reports: one per format.
        findings: what the formats could not hold.
    """

    reports: tuple[ExportReport, ...] = ()
    findings: Findings = field(default_factory=Findings)


def check_formats(formats: Sequence[str]) -> None:
    """Raise a ValueError for a name that is no format of masks."""
    for name in formats:
        if name not in MASK_FORMATS:
            close = get_close_matches(name, MASK_FORMATS, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            known = ", ".join(MASK_FORMATS)
            raise ValueError(f"format: expected one of {known}, found {name!r}{hint}")


def check_exports(formats: Sequence[str], stem: Path, settings: ExportSettings) -> None:
    """Check that the folders of several formats may be written into, before any work.

    Args:
        formats: names of formats.
        stem: as in `export_several`.
        settings: those of the command.

    Raises:
        ValueError: a format is unknown, cannot be split, or a setting makes no sense.
        FileExistsError: a file exists, or a folder holds an earlier export or other files.
    """
    check_formats(formats)
    options = ExportOptions.of(settings, None)
    for name in formats:
        check_split(name, options)
        if name in FILE_FORMATS:
            check_new_files(_place(stem, name), options)
        else:
            check_output(_place(stem, name), settings.overwrite)


def export_several(
    instances: InstanceSet, formats: Sequence[str], stem: Path, options: ExportOptions
) -> Exports:
    """Write masks in several formats, each to `stem-FORMAT`, and read them back.

    Args:
        instances: the masks.
        formats: names of formats.
        stem: path that the names of the files and folders begin with.
        options: images, simplification, address of the images in Label Studio.

    Returns:
        A report per format, and what the formats could not hold.

    Raises:
        ValueError: a format is unknown, or cannot hold these images or categories; the others are
            written.
    """
    check_formats(formats)
    findings = Findings()
    reports = []
    failed: ValueError | None = None
    for name in formats:
        out = _place(stem, name)
        try:
            reports.append(export_masks(instances, name, out, findings, options))  # type: ignore[arg-type]
        except ValueError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return Exports(tuple(reports), findings)


def _place(stem: Path, name: str) -> Path:
    """Return the file or folder of a format."""
    return stem.with_name(f"{stem.name}-{name}{FILE_FORMATS.get(name, '')}")
