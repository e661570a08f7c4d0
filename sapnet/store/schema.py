"""Columns of the Arrow files of a store."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@cache
def object_schema() -> pa.Schema:
    """Return the columns of an objects file. K-long lists are flat: K boxes are 4 K numbers."""
    import pyarrow as pa

    return pa.schema(
        [
            ("annotation_id", pa.int64()),
            ("image_id", pa.int64()),
            ("category_id", pa.int64()),
            ("points", pa.list_(pa.float64())),
            ("negative_points", pa.list_(pa.float64())),
            ("box", pa.list_(pa.float64())),  # xyxy, an estimate with its score; null without
            ("rles", pa.list_(pa.binary())),
            ("boxes", pa.list_(pa.float32())),
            ("scores", pa.list_(pa.float32())),
            ("prompts", pa.list_(pa.string())),
            ("mask_crops", pa.binary()),
            ("holds_rival", pa.list_(pa.bool_())),
        ]
    )


@cache
def image_schema() -> pa.Schema:
    """Return the columns of an images file; `first_object` is a row of the objects file."""
    import pyarrow as pa

    return pa.schema(
        [
            ("image_id", pa.int64()),
            ("file_name", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("first_object", pa.int64()),
            ("num_objects", pa.int64()),
        ]
    )
