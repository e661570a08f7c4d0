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

MASK_FORMATS: dict[MaskFormat, str] = {
    "coco-rle": "COCO, run lengths (exact)",
    "coco-polygons": "COCO, polygons",
    "roboflow": "RF-DETR and Roboflow",
    "yolo-seg": "YOLO, segments",
    "imagefolder": "Hugging Face datasets",
    "mask2former": "Mask2Former of transformers",
    "voc": "Pascal VOC",
    "cvat": "CVAT, masks",
    "labelme": "LabelMe, polygons",
    "labelme-mask": "LabelMe, masks",
    "label-studio": "Label Studio",
    "geojson": "GeoJSON, on the map",
    "gpkg": "GeoPackage, on the map",
}
"""The formats that masks are written in, with names for people."""

ImagesAs = Literal["link", "copy", "leave"]
"""Ways to put images into an exported folder."""
