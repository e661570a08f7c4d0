"""Objects that were not clicked: what the segmenter sees and no label covers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.cli import main
from sapnet.data.clicks import load_clicks
from sapnet.evaluation.label_file import Label, LabelSet
from sapnet.geometry.covering import covered_shares
from sapnet.geometry.rle import encode_masks
from sapnet.labelling.missed import find_missed, save_missed, uncovered
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.prediction.detections import Detections
from sapnet.structures.clicks import RLE, Category, Coverage, IgnoredRegion, ImageRecord

SIDE = 40
CAT, DOG = Category(3, "cat"), Category(8, "dog")


def pixels(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def square(x1: int, y1: int, x2: int, y2: int) -> RLE:
    return encode_masks(pixels(x1, y1, x2, y2)[None].astype(np.uint8))[0]


def label(key: int, rle: RLE, point: tuple[float, float] | None) -> Label:
    return Label(key, 1, 3, rle, 0.5, point, None)


LABELLED = label(1, square(2, 2, 12, 12), (6.0, 6.0))


def test_shares_that_are_covered_by_hand() -> None:
    found = covered_shares(
        [square(0, 0, 10, 10), square(0, 0, 2, 2)], [square(5, 0, 15, 10), square(0, 0, 20, 20)]
    )
    np.testing.assert_allclose(found, [[0.5, 1], [0, 1]])
    assert covered_shares([], [square(0, 0, 1, 1)]).shape == (0, 1)
    assert covered_shares([square(0, 0, 1, 1)], []).shape == (1, 0)


def test_only_what_no_label_explains_is_kept() -> None:
    seen = [
        square(1, 1, 13, 13),  # the labelled object itself
        square(20, 20, 30, 30),  # missed
        square(0, 0, 39, 18),  # a group that holds the click
        square(8, 8, 12, 12),  # a part of the labelled object, without its click
        square(21, 21, 29, 31),  # the missed one once more
        square(0, 0, 0, 0),  # empty
        square(11, 11, 21, 19),  # meets the labelled object at a corner: missed
    ]
    assert uncovered(seen, [LABELLED]) == [1, 6]
    assert uncovered(seen[1:2], []) == [0]
    assert uncovered(seen[3:4], [label(1, LABELLED.rle, None)]) == []


@dataclass
class Seer:
    """A network that sees given squares on each image."""

    categories: tuple[Category, ...]
    seen: dict[str, list[tuple[tuple[int, int, int, int], int, float]]]

    def predict(self, images: list[Path], score_threshold: float) -> list[Detections]:
        found = []
        for image in images:
            rows = [row for row in self.seen.get(image.name, []) if row[2] >= score_threshold]
            found.append(
                Detections(
                    xyxy=np.array([row[0] for row in rows], float).reshape(-1, 4),
                    mask=np.array([pixels(*row[0]) for row in rows], bool).reshape(-1, SIDE, SIDE),
                    class_id=np.array([row[1] for row in rows], int),
                    confidence=np.array([row[2] for row in rows]),
                )
            )
        return found


def make_labels() -> LabelSet:
    images = tuple(ImageRecord(number, f"{number}.png", SIDE, SIDE) for number in (1, 2, 3))
    return LabelSet(frozenset({1, 2, 3}), {1: LABELLED}, images, (CAT, DOG))


def test_missed_objects_are_a_clicks_file_the_most_likely_first(tmp_path: Path) -> None:
    network = Seer(
        (Category(1, "dog"), Category(2, "cat")),  # numbered and ordered in another way
        {
            "1.png": [((2, 2, 12, 12), 1, 0.9), ((20, 20, 31, 31), 1, 0.4)],
            "2.png": [((5, 5, 10, 16), 0, 0.7), ((20, 20, 25, 25), 0, 0.05)],
        },
    )
    labels = make_labels()
    missed = find_missed(network, tmp_path, labels)  # type: ignore[arg-type]
    assert [(m.image_id, m.category_id, m.score) for m in missed] == [(2, 8, 0.7), (1, 3, 0.4)]
    path = save_missed(tmp_path / "missed.json", missed, labels)
    clicks = load_clicks(path).clicks
    assert [click.point for click in clicks] == [(7.5, 10.5), (25.5, 25.5)]
    assert all(click.mask is None for click in clicks)  # a click to look at, not a known mask
    records = json.loads(path.read_text())["annotations"]
    assert [(record["score"], record["area"]) for record in records] == [(0.7, 55), (0.4, 121)]


def test_what_lies_in_an_ignored_region_of_its_category_does_not_count(tmp_path: Path) -> None:
    seen: list[tuple[tuple[int, int, int, int], int, float]] = [
        ((20, 20, 30, 30), 0, 0.9),  # a cat in the region
        ((20, 20, 30, 30), 1, 0.8),  # a dog there; taken for the same place, hence left out
        ((4, 26, 10, 34), 1, 0.7),  # a dog in the region of cats
        ((26, 4, 36, 14), 0, 0.6),  # a cat, one tenth in the region
    ]
    crowd = IgnoredRegion(3, square(3, 13, 31, 35))
    labels = replace(make_labels(), coverage={2: Coverage(None, (crowd,))})
    network = Seer((CAT, DOG), {"2.png": seen})
    missed = find_missed(network, tmp_path, labels)  # type: ignore[arg-type]
    assert [(m.category_id, m.score) for m in missed] == [(8, 0.7), (3, 0.6)]
    path = save_missed(
        tmp_path / "missed.json", missed, replace(labels, coverage={2: Coverage(())})
    )
    assert load_clicks(path).coverage == {2: Coverage(())}


def test_nothing_missed_is_an_empty_file(tmp_path: Path) -> None:
    missed = find_missed(Seer((CAT, DOG), {}), tmp_path, make_labels())  # type: ignore[arg-type]
    assert missed == []
    content = json.loads(save_missed(tmp_path / "m.json", missed, make_labels()).read_text())
    assert content["annotations"] == []
    assert len(content["images"]) == 3


def test_other_categories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cow"):
        find_missed(Seer((Category(1, "cow"),), {}), tmp_path, make_labels())  # type: ignore[arg-type]


def test_the_command_reads_the_run(
    tmp_path: Path, tiny_model: ModelConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    run, images = tmp_path / "run", tmp_path / "images"
    Network(tiny_model, (CAT, DOG)).save_pretrained(run)
    images.mkdir()
    for number in (1, 2, 3):
        Image.new("RGB", (SIDE, SIDE), (40 * number, 9, 9)).save(images / f"{number}.png")
    (run / "settings.json").write_text(json.dumps({"files": {"images": str(images)}}))
    words = ["missed", "--run", str(run), "--device", "cpu"]
    assert main(words) == 1
    assert "labels.json: no such file. Write it with `sapnet label`" in capsys.readouterr().err
    save_missed(run / "labels.json", [], make_labels())
    assert main([*words, "--min-score", "0"]) == 0
    assert f"were probably not clicked: {run / 'missed.json'}" in capsys.readouterr().out
    content = json.loads((run / "missed.json").read_text())
    assert all(0 <= record["score"] <= 1 for record in content["annotations"])
    assert main([*words, "--min-score", "2"]) == 2
