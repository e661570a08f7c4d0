"""Export of the saved masks from the page, in the formats that `sapnet convert` writes."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import Response

from sapnet.annotate.click.click_file import ClickFile
from sapnet.data.choices import MaskFormat
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


def export_routes(file: ClickFile, images: Path) -> APIRouter:
    """Return the route of the export.

    Args:
        file: holds the masks.
        images: folder of the images, for formats that need their pixels' place.
    """
    router = APIRouter()

    @router.get("/api/export")
    def export(to: MaskFormat, scope: Scope = "masks") -> Response:
        """Send what is saved: one json file, or a folder as a zip archive; 422 without masks."""
        clicks = chosen_clicks(file, scope)
        name, content = export_bytes(clicks, to, images)
        media = "application/zip" if name.endswith(".zip") else "application/octet-stream"
        media = "application/json" if name.endswith("json") else media
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type=media, headers=headers)

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


def export_bytes(clicks: ClickSet, to: MaskFormat, images: Path) -> tuple[str, bytes]:
    """Return the name and the content of an exported file; a folder becomes a zip archive."""
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder:
        is_file = to in FILE_FORMATS
        out = Path(folder) / f"{to}{FILE_FORMATS.get(to, '')}"
        options = ExportOptions(images=images if not is_file or to in GEO_FORMATS else None)
        instances = masks_of_clicks(clicks, findings, origins=_origins(clicks))
        export_masks(instances, to, out, findings, options)
        if is_file:
            return out.name, out.read_bytes()
        archive = Path(folder) / f"{to}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(out.rglob("*")):
                if path.is_file():
                    packed.write(path, path.relative_to(out.parent))
        return archive.name, archive.read_bytes()


def _origins(clicks: ClickSet) -> dict[int, Origin]:
    """Say that a person has kept each mask, and when it was exported."""
    origin = {"chosen_by": PERSON, "decision": "given", **origin_of_network(None)}
    return {click.annotation_id: origin for click in clicks.clicks}
