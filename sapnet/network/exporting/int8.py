"""Convolutions in 8 bits, with ranges that are measured on images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.batches.images import ImageDataset
from sapnet.data.image_files.listing import find_images
from sapnet.network.exporting.facts import IMAGES

if TYPE_CHECKING:
    import numpy as np

    from sapnet.network.exporting.facts import ExportedFacts
    from sapnet.system.locations import Location

MAX_IMAGES = 100
"""Images that ranges are measured on, spread evenly over the folder."""


def calibration_inputs(images: Location, facts: ExportedFacts) -> Iterator[np.ndarray]:
    """Read images as the graph takes them.

    Args:
        images: a folder or a file.
        facts: sizes of the input.

    Yields:
        (1, 3, H, W) uint8 each.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: there is no image in it, or one cannot be read.
    """
    paths = find_images(images).paths
    step = -(-len(paths) // MAX_IMAGES)
    dataset = ImageDataset(paths[::step], facts.augment)
    for place in range(len(dataset)):
        yield dataset[place].image[None].contiguous().numpy()


def write_int8(path: Path, inputs: Iterator[np.ndarray]) -> None:
    """Replace an ONNX file by one whose convolutions work in 8 bits; all else stays float32.

    The outputs of the head stay float32 too: kernels and class scores feel every rounding.

    Args:
        path: the file.
        inputs: images that the ranges are measured on.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # untyped for mypy
        def get_next(self) -> dict[str, np.ndarray] | None:
            pixels = next(inputs, None)
            return None if pixels is None else {IMAGES: pixels}

    kept = [
        node.name
        for node in onnx.load(path).graph.node
        if node.op_type == "Conv" and "_output/" in node.name
    ]
    quantize_static(
        path,
        path,
        Reader(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=kept,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
