"""Names that users choose from: formats of files, ways to place clicks."""

from __future__ import annotations

from typing import Literal

ClickMode = Literal["quasi-center", "uniform", "center", "border"]
"""Positions of a click drawn from a mask."""

SourceFormat = Literal[
    "coco",
    "results",
    "label-studio",
    "cvat",
    "labelme",
    "via",
    "csv",
    "yolo",
    "voc",
    "createml",
    "detectron2",
]
"""Formats that annotations are read from."""

MaskFormat = Literal["coco-rle", "coco-polygons", "yolo-seg", "labelme", "label-studio", "voc"]
"""Formats that masks are written in."""
