import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.galleries import (
    LabelGalleryInputs,
    PredictionGalleryInputs,
    build_label_gallery,
    build_prediction_gallery,
    encode_jpeg,
)
from sapnet.geometry.rle import encode_masks

HEIGHT, WIDTH, NUM_IMAGES = 120, 160, 4


def _disc(x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def _json_rles(masks: list[np.ndarray]) -> list[dict[str, object]]:
    rles = encode_masks(np.stack(masks))
    return [{"size": rle["size"], "counts": rle["counts"].decode()} for rle in rles]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two discs each, with truth, labels with four candidates, and predictions."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    images, truth, labels, results = [], [], [], []
    for image_id in range(NUM_IMAGES):
        picture = rng.integers(90, 140, (HEIGHT, WIDTH, 3))
        record = {"file_name": f"{image_id}.png", "height": HEIGHT, "width": WIDTH}
        images.append({"id": image_id, **record})
        for place in range(2):
            x, y, radius = 45 + 70 * place, 60 + 8 * image_id, 22.0
            picture[_disc(x, y, radius)] = (200, 80 + 60 * place, 60)
            candidates = _json_rles([_disc(x, y, radius * f) for f in (0.5, 0.8, 1.0, 1.5)])
            chosen = (image_id + place) % 4
            annotation = {
                "id": 10 * image_id + place,
                "image_id": image_id,
                "category_id": 1 + place,
                "iscrowd": 0,
            }
            truth.append({**annotation, "segmentation": candidates[2]})
            scores = [0.9 if k == chosen else 0.2 + 0.1 * k for k in range(4)]
            found = {"segmentations": candidates, "scores": scores, "own_scores": [0.5] * 4}
            label = {"segmentation": candidates[chosen], "score": 0.9, "candidates": found}
            labels.append({**annotation, **label, "point": [x, y]})
            result = {"segmentation": candidates[1 + place], "score": 0.9 - 0.65 * place}
            results.append({"image_id": image_id, "category_id": 1 + place, **result})
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{image_id}.png")
    frame = {
        "images": images,
        "categories": [{"id": 1, "name": "lamp <b>"}, {"id": 2, "name": "větrník"}],
    }
    (folder / "truth.json").write_text(json.dumps({**frame, "annotations": truth}))
    (folder / "labels.json").write_text(json.dumps({**frame, "annotations": labels}))
    (folder / "results.json").write_text(json.dumps(results))
    return folder


def _decode(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(jpeg))).astype(int)


def _label_inputs(folder: Path, **changes: object) -> LabelGalleryInputs:
    return LabelGalleryInputs(folder / "labels.json", folder / "truth.json", folder, **changes)


def test_sections_hold_each_object_once_by_iou(folder: Path) -> None:
    best, worst, others = build_label_gallery(_label_inputs(folder))

    assert [section.title for section in (best, worst, others)] == ["Best", "Worst", "Random"]
    ids = [row.annotation_id for section in (best, worst, others) for row in section.rows]
    assert sorted(ids) == [0, 1, 10, 11, 20, 21, 30, 31]
    ious = [[row.iou for row in section.rows] for section in (best, worst, others)]
    assert ious[0] == sorted(ious[0], reverse=True)
    assert ious[1] == sorted(ious[1])
    assert min(ious[0]) >= max(ious[2])
    assert max(ious[1]) <= min(ious[2])


def test_a_row_shows_the_candidates_by_selection_score(folder: Path) -> None:
    best, _, _ = build_label_gallery(_label_inputs(folder))

    row = best.rows[0]
    assert (row.annotation_id, row.category, row.file_name) == (11, "větrník", "1.png")
    assert row.iou == 1
    scores = [candidate.selection_score for candidate in row.candidates]
    assert scores == sorted(scores, reverse=True)
    assert [candidate.is_chosen for candidate in row.candidates] == [True, False, False, False]
    assert row.candidates[0].iou == 1
    shapes = {_decode(picture.jpeg).shape for picture in row.candidates}
    assert shapes == {_decode(row.click).shape} == {_decode(row.truth).shape}
    # Only the picture of the click has its yellow dot.
    assert np.abs(_decode(row.click) - _decode(row.truth)).max() > 50


def test_hidden_candidates_are_counted_and_never_the_chosen_one(folder: Path) -> None:
    sections = build_label_gallery(_label_inputs(folder, max_candidates=1))

    rows = [row for section in sections for row in section.rows]
    assert {row.num_hidden for row in rows} == {3}
    assert all(row.candidates[0].is_chosen for row in rows)


def test_of_equal_candidates_one_is_framed(folder: Path, tmp_path: Path) -> None:
    document = json.loads((folder / "labels.json").read_text())
    (annotation, *_) = document["annotations"]
    segmentation = annotation["segmentation"]
    annotation["candidates"] = {
        "segmentations": [segmentation] * 3,
        "scores": [0.1, 0.9, 0.5],
        "own_scores": [0.5] * 3,
    }
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({**document, "annotations": [annotation]}))

    (section,) = build_label_gallery(LabelGalleryInputs(path, folder / "truth.json", folder))

    found = [(c.selection_score, c.is_chosen) for c in section.rows[0].candidates]
    assert found == [(0.9, True), (0.5, False), (0.1, False)]


def test_labels_without_candidates_show_the_label(folder: Path, tmp_path: Path) -> None:
    document = json.loads((folder / "labels.json").read_text())
    for annotation in document["annotations"]:
        del annotation["candidates"]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))

    sections = build_label_gallery(LabelGalleryInputs(path, folder / "truth.json", folder))

    (candidate,) = sections[0].rows[0].candidates
    assert candidate.is_chosen
    assert candidate.own_score is None
    assert candidate.selection_score == 0.9


@pytest.mark.parametrize(("num_labels", "rows"), [(0, []), (1, [1]), (2, [1, 1]), (3, [1, 1, 1])])
def test_few_labels(folder: Path, tmp_path: Path, num_labels: int, rows: list[int]) -> None:
    document = json.loads((folder / "labels.json").read_text())
    document["annotations"] = document["annotations"][:num_labels]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))

    sections = build_label_gallery(LabelGalleryInputs(path, folder / "truth.json", folder))

    assert [len(section.rows) for section in sections] == rows


def test_predictions_beside_truth(folder: Path) -> None:
    inputs = PredictionGalleryInputs(
        folder / "results.json", folder / "truth.json", folder, num_images=2, side=320
    )

    rows = build_prediction_gallery(inputs)

    assert [row.file_name for row in rows] == ["0.png", "2.png"]
    assert [(row.num_truth, row.num_predictions) for row in rows] == [(2, 1), (2, 1)]
    assert _decode(rows[0].original).shape == (240, 320, 3)
    # The second object is in the truth; its prediction is under the least score.
    right = (slice(100, 140), slice(210, 250))
    original = _decode(rows[0].original)[right]
    assert np.abs(_decode(rows[0].predictions)[right] - original).mean() < 5
    assert np.abs(_decode(rows[0].truth)[right] - original).mean() > 20


def test_no_predictions_leave_the_image_as_it_is(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("[]")
    inputs = PredictionGalleryInputs(tmp_path / "results.json", folder / "truth.json", folder)

    rows = build_prediction_gallery(inputs)

    assert len(rows) == NUM_IMAGES
    assert all(row.predictions == row.original for row in rows)


def test_jpeg_keeps_size_and_colour() -> None:
    image = np.full((8, 16, 3), (200, 60, 30), np.uint8)

    decoded = _decode(encode_jpeg(image))

    assert decoded.shape == (8, 16, 3)
    assert np.abs(decoded - image).max() < 8
