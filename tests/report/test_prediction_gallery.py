import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sapnet.data.coco import load_instances
from sapnet.report.prediction_gallery import PredictionGalleryInputs, build_prediction_gallery
from sapnet.structures.left_out import UnusableImageError

NUM_IMAGES = 4


def _decode(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(jpeg))).astype(int)


def _inputs(
    discs: Path,
    records: list[dict[str, Any]] | None = None,
    truth: bool = True,
    **changes: Any,  # noqa: ANN401
) -> PredictionGalleryInputs:
    found = json.loads((discs / "results.json").read_text()) if records is None else records
    known = load_instances(discs / "truth.json")
    return PredictionGalleryInputs(
        found, discs, known.categories, known if truth else None, **changes
    )


def test_predictions_beside_truth(discs: Path) -> None:
    rows = build_prediction_gallery(_inputs(discs, num_images=2, side=320))

    assert [row.file_name for row in rows] == ["0.png", "2.png"]
    assert [(row.num_truth, row.num_predictions) for row in rows] == [(2, 1), (2, 1)]
    assert _decode(rows[0].original).shape == (240, 320, 3)
    # The second object is in the truth; its prediction is under the least score.
    right = (slice(100, 140), slice(210, 250))
    original = _decode(rows[0].original)[right]
    assert np.abs(_decode(rows[0].predictions)[right] - original).mean() < 5
    assert rows[0].truth is not None
    assert np.abs(_decode(rows[0].truth)[right] - original).mean() > 20


def test_no_predictions_leave_the_image_as_it_is(discs: Path) -> None:
    rows = build_prediction_gallery(_inputs(discs, []))

    assert len(rows) == NUM_IMAGES
    assert all(row.predictions == row.original for row in rows)


def test_without_truth_images_are_found_by_their_names(discs: Path) -> None:
    records = json.loads((discs / "results.json").read_text())
    for record in records:
        record["file_name"] = f"{record.pop('image_id')}.png"
    records.append({**records[0], "file_name": "absent.png"})
    with pytest.raises(UnusableImageError, match=r"absent\.png: no such image file"):
        build_prediction_gallery(_inputs(discs, records, truth=False))
    records.pop()

    rows = build_prediction_gallery(_inputs(discs, records, truth=False))

    assert [row.file_name for row in rows] == ["0.png", "1.png", "2.png", "3.png"]
    assert {(row.num_truth, row.truth) for row in rows} == {(None, None)}
    left = (slice(140, 160), slice(105, 120))
    assert np.abs(_decode(rows[0].predictions)[left] - _decode(rows[0].original)[left]).mean() > 20
