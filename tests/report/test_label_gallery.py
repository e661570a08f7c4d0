import json
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sapnet.data.coco import load_instances
from sapnet.evaluation.label_file import load_labels
from sapnet.report.label_gallery import (
    LabelGalleryInputs,
    build_label_gallery,
    draw_worst_labels,
)
from sapnet.report.reading import ReadingOptions
from sapnet.structures.left_out import UnusableImageError


def _decode(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(jpeg))).astype(int)


def _inputs(discs: Path, path: Path | None = None, **changes: Any) -> LabelGalleryInputs:  # noqa: ANN401
    labels = load_labels(path or discs / "labels.json")
    truth = load_instances(discs / "truth.json")
    return LabelGalleryInputs(labels, discs, **{"truth": truth, **changes})


def test_sections_hold_each_object_once_by_iou(discs: Path) -> None:
    worst, best, others = build_label_gallery(_inputs(discs))

    assert [section.title for section in (worst, best, others)] == ["Worst", "Best", "Random"]
    ids = [row.annotation_id for section in (best, worst, others) for row in section.rows]
    assert sorted(ids) == [0, 1, 10, 11, 20, 21, 30, 31]
    ious = [[row.iou for row in section.rows] for section in (best, worst, others)]
    assert ious[0] == sorted(ious[0], reverse=True)
    assert ious[1] == sorted(ious[1])
    assert min(ious[0]) >= max(ious[2])
    assert max(ious[1]) <= min(ious[2])


def test_a_row_shows_the_candidates_by_selection_score(discs: Path) -> None:
    _, best, _ = build_label_gallery(_inputs(discs))

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


def test_hidden_candidates_are_counted_and_never_the_chosen_one(discs: Path) -> None:
    sections = build_label_gallery(_inputs(discs, max_candidates=1))

    rows = [row for section in sections for row in section.rows]
    assert {row.num_hidden for row in rows} == {3}
    assert all(row.candidates[0].is_chosen for row in rows)


def test_of_equal_candidates_one_is_framed(discs: Path, tmp_path: Path) -> None:
    document = json.loads((discs / "labels.json").read_text())
    (annotation, *_) = document["annotations"]
    segmentation = annotation["segmentation"]
    annotation["candidates"] = {
        "segmentations": [segmentation] * 3,
        "scores": [0.1, 0.9, 0.5],
        "own_scores": [0.5] * 3,
    }
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({**document, "annotations": [annotation]}))

    (section,) = build_label_gallery(_inputs(discs, path))

    found = [(c.selection_score, c.is_chosen) for c in section.rows[0].candidates]
    assert found == [(0.9, True), (0.5, False), (0.1, False)]


def test_labels_without_candidates_show_the_label(discs: Path, tmp_path: Path) -> None:
    document = json.loads((discs / "labels.json").read_text())
    for annotation in document["annotations"]:
        del annotation["candidates"]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))

    sections = build_label_gallery(_inputs(discs, path))

    (candidate,) = sections[0].rows[0].candidates
    assert candidate.is_chosen
    assert candidate.own_score is None
    assert candidate.selection_score == 0.9


@pytest.mark.parametrize(("num_labels", "rows"), [(0, []), (1, [1]), (2, [1, 1]), (3, [1, 1, 1])])
def test_few_labels(discs: Path, tmp_path: Path, num_labels: int, rows: list[int]) -> None:
    document = json.loads((discs / "labels.json").read_text())
    document["annotations"] = document["annotations"][:num_labels]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))

    sections = build_label_gallery(_inputs(discs, path))

    assert [len(section.rows) for section in sections] == rows


def _with(discs: Path, folder: Path, **values: list[Any]) -> Path:
    """The labels with further keys, one value per label."""
    document = json.loads((discs / "labels.json").read_text())
    for key, entries in values.items():
        for annotation, entry in zip(document["annotations"], entries, strict=True):
            annotation[key] = entry
    path = folder / "labels.json"
    path.write_text(json.dumps(document))
    return path


def test_without_truth_there_are_random_labels(discs: Path) -> None:
    (section,) = build_label_gallery(_inputs(discs, truth=None, num_objects=3))

    assert section.title == "Random"
    assert len(section.rows) == 3
    assert {(row.iou, row.truth, row.refined) for row in section.rows} == {(None, None, None)}
    assert {candidate.iou for row in section.rows for candidate in row.candidates} == {None}


def test_the_most_unsure_come_first(discs: Path, tmp_path: Path) -> None:
    values = [0.1, 0.8, 0.3, 0.9, 0.2, 0.0, 0.4, 0.5]
    path = _with(discs, tmp_path, uncertainty=values)

    unsure, random = build_label_gallery(_inputs(discs, path, truth=None, num_objects=3))
    titles = [s.title for s in build_label_gallery(_inputs(discs, path, num_objects=1))]

    assert [row.uncertainty for row in unsure.rows] == [0.9, 0.8, 0.5]
    assert not {r.annotation_id for r in unsure.rows} & {r.annotation_id for r in random.rows}
    assert titles == ["Worst", "Most unsure", "Best", "Random"]


def test_a_refined_box_has_a_picture(discs: Path, tmp_path: Path) -> None:
    path = _with(discs, tmp_path, refined_box=[[20, 30, 60, 50]] * 8)

    (section,) = build_label_gallery(_inputs(discs, path, truth=None, num_objects=1))

    (row,) = section.rows
    assert row.refined is not None
    picture, click = _decode(row.refined), _decode(row.click)
    assert picture.shape == click.shape
    # A hollow frame: dark orange on some pixels, the image as it was on most.
    assert 0.02 < (np.abs(picture - click).max(axis=2) > 60).mean() < 0.4


def test_labels_of_absent_images_are_left_out_on_request(discs: Path, tmp_path: Path) -> None:
    with Image.open(discs / "2.png") as image:
        image.save(tmp_path / "2.png")
    inputs = LabelGalleryInputs(load_labels(discs / "labels.json"), tmp_path)
    with pytest.raises(UnusableImageError, match=r"0\.png: no such image file.*--skip-errors"):
        build_label_gallery(inputs)

    reading = ReadingOptions(skip_errors=True)
    (section,) = build_label_gallery(replace(inputs, reading=reading))

    assert {row.file_name for row in section.rows} == {"2.png"}
    assert [entry.file_name for entry in reading.left_out] == ["0.png", "1.png", "3.png"]


def test_an_image_of_another_size_is_no_background(discs: Path, tmp_path: Path) -> None:
    shutil.copytree(discs, tmp_path / "images")
    Image.new("RGB", (50, 40)).save(tmp_path / "images" / "2.png")
    inputs = replace(_inputs(discs, num_objects=99), images=tmp_path / "images")
    message = r"2\.png: expected .* px, as its masks have, found 50 x 40"
    with pytest.raises(UnusableImageError, match=message):
        build_label_gallery(inputs)


def test_the_worst_alone(discs: Path, tmp_path: Path) -> None:
    rows = draw_worst_labels(_inputs(discs, num_objects=5))

    found = [(row.iou, row.annotation_id) for row in rows]
    assert len(found) == 5
    assert found == sorted(found)  # of equal ones the lowest id first
    worst, _, _ = build_label_gallery(_inputs(discs))
    assert {row.annotation_id for row in worst.rows} <= {key for _, key in found}
    assert draw_worst_labels(_inputs(discs, truth=None)) == ()
    reading = ReadingOptions(skip_errors=True)
    assert draw_worst_labels(replace(_inputs(discs), images=tmp_path, reading=reading)) == ()
