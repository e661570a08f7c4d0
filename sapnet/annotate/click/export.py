"""Export of the saved masks from the page, in the formats that `sapnet convert` writes."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask

from sapnet.annotate.click.click_file import ClickFile
from sapnet.data.choices import MASK_FORMATS, MaskFormat
from sapnet.data.clicks import load_clicks
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.export import FILE_FORMATS, GEO_FORMATS, export_masks
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.formats.writers.instances import masks_of_clicks
from sapnet.network.origin import origin_of_network
from sapnet.structures.clicks import ClickSet
from sapnet.structures.origin import PERSON, Origin

Scope = Literal["masks", "done"]
"""Masks of all images, or of those that are marked as done."""

FINDINGS_HEADER = "x-findings"
"""Header of a response with what the format cannot hold, percent-encoded."""


def export_routes(file: ClickFile, images: Path) -> APIRouter:
    """Return the routes of the export.

    Args:
        file: holds the masks.
        images: folder of the images, for formats that need their pixels' place.
    """
    router = APIRouter(prefix="/api/export")

    @router.get("/formats")
    def formats() -> dict[MaskFormat, str]:
        """Return the formats with their names for people."""
        return MASK_FORMATS

    @router.get("")
    def export(to: MaskFormat, scope: Scope = "masks") -> Response:
        """Send what is saved: one file, or a folder as a zip archive; 422 without masks."""
        clicks = chosen_clicks(file, scope)
        folder = TemporaryDirectory()
        try:
            path, findings = export_file(clicks, to, images, Path(folder.name))
        except BaseException:
            folder.cleanup()
            raise
        # What the format cannot hold; header values are ASCII.
        headers = {FINDINGS_HEADER: quote("; ".join(findings.lines()))}
        return FileResponse(
            path, filename=path.name, headers=headers, background=BackgroundTask(folder.cleanup)
        )

    return router


def chosen_clicks(file: ClickFile, scope: Scope) -> ClickSet:
    """Return the saved objects to export.

    Raises:
        ValueError: none of them has a mask.
    """
    clicks = load_clicks(file.path) if file.path.is_file() else ClickSet((), (), ())
    kept = {i.image_id for i in clicks.images if scope == "masks" or file.summary(i.file_name)[1]}
    chosen = replace(
        clicks,
        images=tuple(i for i in clicks.images if i.image_id in kept),
        clicks=tuple(c for c in clicks.clicks if c.image_id in kept and c.mask is not None),
    )
    if not chosen.clicks:
        where = "an image that is done" if scope == "done" else "an image"
        raise ValueError(f"expected a mask on {where}, found none. Keep one with Enter, or draw it")
    return chosen


def export_file(
    clicks: ClickSet, to: MaskFormat, images: Path, folder: Path
) -> tuple[Path, Findings]:
    """Write an export into a folder; what would be a folder itself becomes a zip archive.

    Returns:
        The file, and what the format cannot hold.
    """
    findings = Findings()
    is_file = to in FILE_FORMATS
    out = folder / f"{to}{FILE_FORMATS.get(to, '')}"
    options = ExportOptions(images=images if not is_file or to in GEO_FORMATS else None)
    instances = masks_of_clicks(clicks, findings, origins=_origins(clicks))
    export_masks(instances, to, out, findings, options)
    if is_file:
        return out, findings
    archive = folder / f"{to}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(out.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(folder))
    return archive, findings


def _origins(clicks: ClickSet) -> dict[int, Origin]:
    """Say that a person has kept each mask, and when it was exported."""
    origin = {"chosen_by": PERSON, "decision": "given", **origin_of_network(None)}
    return {click.annotation_id: origin for click in clicks.clicks}
