"""Facts in the metadata of an exported file: categories, sizes, normalisation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from sapnet.batches.config import AugmentConfig
from sapnet.structures.clicks import Category
from sapnet.structures.grids import MASK_STRIDE
from sapnet.system.from_json import dataclass_from_json
from sapnet.system.version import __version__

FORMAT = "sapnet-exported-1"
"""Kind of the file."""

KEY = "sapnet"
"""Name of the entry in the metadata of the file."""

IMAGES = "images"
"""Name of the input: (1, 3, H, W) uint8 RGB."""

OUTPUTS = ("boxes", "scores", "labels", "masks")
"""Names of the outputs, in their order; see `FixedInstances`."""


@dataclass(frozen=True)
class ExportedFacts:
    """Facts about an exported network; the graph normalises and pads the image itself.

    Attributes:
        format: kind of the file.
        version: version of sapnet that wrote it.
        categories: C categories; a label is an index into them.
        mean: of red, green and blue, 0..255; subtracted in the graph.
        std: likewise; divided by in the graph.
        short_side: pixels of the shorter side of the input.
        max_long_side: pixels; the longer side is never longer, the aspect is kept.
        pad_divisor: the graph pads the sides to multiples of it, on the right and bottom.
        mask_stride: input pixels per cell of the masks.
        mask_threshold: mask probability above which a pixel is foreground.
        num_instances: N, places of the outputs.
        precision: "float32" or "int8".
        bits: bit depth of images of more than 8 bits; None for that of the largest value.
        tile: side of the windows that large images are read in; None for whole images.
        overlap: pixels that neighbouring windows share.
        bands: numbers of the bands that are read, from 1 on; None for the files' own.
    """

    categories: tuple[Category, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    short_side: int
    max_long_side: int
    pad_divisor: int
    mask_threshold: float
    num_instances: int
    mask_stride: int = MASK_STRIDE
    precision: str = "float32"
    bits: int | None = None
    tile: int | None = None
    overlap: int | None = None
    bands: tuple[int, ...] | None = None
    format: str = FORMAT
    version: str = __version__

    @property
    def augment(self) -> AugmentConfig:
        """Sizes of the input."""
        return AugmentConfig(
            (self.short_side,),
            self.max_long_side,
            pad_divisor=self.pad_divisor,
            bits=self.bits,
            tile=self.tile,
            overlap=self.overlap,
            bands=self.bands,
        )

    def as_int8(self) -> ExportedFacts:
        """Return the facts of the same network in 8 bits."""
        return replace(self, precision="int8")

    def to_json(self) -> str:
        """Write as json, for the metadata of a file."""
        return json.dumps(asdict(self), ensure_ascii=False)


def facts_from_json(text: str | None, name: str) -> ExportedFacts:
    """Read the facts in the metadata of a file.

    Args:
        text: the entry of the metadata; None if there is none.
        name: of the file, for messages.

    Raises:
        ValueError: the file was not written by `sapnet export`, or by a newer version.
    """
    try:
        values: Any = json.loads(text or "null")
        found = values.get("format") if isinstance(values, dict) else None
        if found == FORMAT:
            return dataclass_from_json(values, ExportedFacts)
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(
            f"{name}: its entry {KEY!r} of the metadata cannot be read ({error}). Export the run "
            "again"
        ) from error
    raise ValueError(
        f"{name}: expected a model written by `sapnet export` (entry {KEY!r} of the metadata, "
        f"format {FORMAT}), found {json.dumps(found)}"
    )
