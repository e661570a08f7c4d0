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
    "geo",
]
"""Formats that annotations are read from."""

MaskFormat = Literal[
    "coco-rle",
    "coco-polygons",
    "roboflow",
    "yolo-seg",
    "imagefolder",
    "mask2former",
    "voc",
    "cvat",
    "labelme",
    "labelme-mask",
    "label-studio",
    "geojson",
    "gpkg",
]
"""Formats that masks are written in."""

ImagesAs = Literal["link", "copy", "leave"]
"""Ways to put images into an exported folder."""
