"""Objects that were not clicked: what the segmenter sees and no label covers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from discs import BlobPredictor, Discs
from PIL import Image

from sapnet.batches.config import AugmentConfig
from sapnet.cli import main
from sapnet.data.clicks import load_clicks
from sapnet.data.tiles.grid import Parts
from sapnet.evaluation.label_file import Label, LabelSet
from sapnet.geometry.covering import covered_shares
from sapnet.geometry.rle import encode_masks
from sapnet.labelling.config import MissedConfig
from sapnet.labelling.missed import find_missed, save_missed, uncovered
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.structures.clicks import RLE, Category, Coverage, IgnoredRegion, ImageRecord
from sapnet.structures.outputs import Predictions

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


class Seer:
    """A network that sees given squares on each image, which it knows by its grey value."""

    augment = AugmentConfig((SIDE,), SIDE, pad_divisor=32)
    device = torch.device("cpu")

    def __init__(
        self,
        categories: tuple[Category, ...],
        seen: dict[int, list[tuple[tuple[int, int, int, int], int, float]]],
    ) -> None:
        self.categories, self.seen = categories, seen

    def check_segments(self) -> None:
        """Nothing is missing."""

    def segment(
        self, images: torch.Tensor, image_sizes: torch.Tensor, original_sizes: torch.Tensor
    ) -> list[Predictions]:
        del image_sizes, original_sizes
        rows = self.seen.get(int(images[0, 0, 0, 0]), [])
        masks = np.array([pixels(*row[0]) for row in rows], bool).reshape(-1, SIDE, SIDE)
        labels = torch.tensor([row[1] for row in rows], dtype=torch.int64)
        return [Predictions(torch.from_numpy(masks), labels, torch.tensor([r[2] for r in rows]))]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three images, each of its id as grey value."""
    for number in (1, 2, 3):
        Image.new("L", (SIDE, SIDE), number).save(tmp_path / f"{number}.png")
    return tmp_path


def make_labels() -> LabelSet:
    images = tuple(ImageRecord(number, f"{number}.png", SIDE, SIDE) for number in (1, 2, 3))
    return LabelSet(frozenset({1, 2, 3}), {1: LABELLED}, images, (CAT, DOG))


def test_missed_objects_are_a_clicks_file_the_most_likely_first(
    images: Path, tmp_path: Path
) -> None:
    network = Seer(
        (Category(1, "dog"), Category(2, "cat")),  # numbered and ordered in another way
        {
            1: [((2, 2, 12, 12), 1, 0.9), ((20, 20, 31, 31), 1, 0.4)],
            2: [((5, 5, 10, 16), 0, 0.7), ((20, 20, 25, 25), 0, 0.05)],
        },
    )
    labels = make_labels()
    missed = find_missed(network, images, labels)
    assert [(m.image_id, m.category_id) for m in missed] == [(2, 8), (1, 3)]
    assert [m.score for m in missed] == pytest.approx([0.7, 0.4])
    path = save_missed(tmp_path / "missed.json", missed, labels)
    clicks = load_clicks(path).clicks
    assert [click.point for click in clicks] == [(7.5, 10.5), (25.5, 25.5)]
    assert all(click.mask is None for click in clicks)  # a click to look at, not a known mask
    records = json.loads(path.read_text())["annotations"]
    assert [(record["score"], record["area"]) for record in records] == [(0.7, 55), (0.4, 121)]


def test_what_lies_in_an_ignored_region_of_its_category_does_not_count(
    images: Path, tmp_path: Path
) -> None:
    seen: list[tuple[tuple[int, int, int, int], int, float]] = [
        ((20, 20, 30, 30), 0, 0.9),  # a cat in the region
        ((20, 20, 30, 30), 1, 0.8),  # a dog there; taken for the same place, hence left out
        ((4, 26, 10, 34), 1, 0.7),  # a dog in the region of cats
        ((26, 4, 36, 14), 0, 0.6),  # a cat, one tenth in the region
    ]
    crowd = IgnoredRegion(3, square(3, 13, 31, 35))
    labels = replace(make_labels(), coverage={2: Coverage(None, (crowd,))})
    network = Seer((CAT, DOG), {2: seen})
    missed = find_missed(network, images, labels)
    assert [m.category_id for m in missed] == [8, 3]
    assert [m.score for m in missed] == pytest.approx([0.7, 0.6])
    path = save_missed(
        tmp_path / "missed.json", missed, replace(labels, coverage={2: Coverage(())})
    )
    assert load_clicks(path).coverage == {2: Coverage(())}


def test_nothing_missed_is_an_empty_file(images: Path, tmp_path: Path) -> None:
    missed = find_missed(Seer((CAT, DOG), {}), images, make_labels())
    assert missed == []
    content = json.loads(save_missed(tmp_path / "m.json", missed, make_labels()).read_text())
    assert content["annotations"] == []
    assert len(content["images"]) == 3


def test_other_categories_are_refused(images: Path) -> None:
    with pytest.raises(ValueError, match="cow"):
        find_missed(Seer((Category(1, "cow"),), {}), images, make_labels())


def test_large_images_are_looked_at_in_windows(tmp_path: Path) -> None:
    """Of a grid of discs one is labelled; all others are missed, each once, also at the seams."""
    centers = tuple((20.0 + 40 * x, 20.0 + 40 * y, 10) for y in range(5) for x in range(6))
    discs = Discs(centers, 200, 240)
    discs.write(tmp_path)
    known = Label(1, 3, 1, encode_masks(discs.masks()[:1])[0], 0.5, centers[0][:2], None)
    labels = LabelSet(frozenset({1}), {1: known}, (discs.record,), (Category(1, "disc"),))
    network = BlobPredictor(96)
    missed = find_missed(network, tmp_path, labels, MissedConfig(tile=96, overlap=24))
    assert set(network.seen) == {(96, 96)}
    assert {tuple(round(v / 20) * 20 for v in entry.point) for entry in missed} == {
        (x, y) for x, y, _ in centers[1:]
    }
    assert len(missed) == len(centers) - 1
    whole = BlobPredictor(96)
    find_missed(whole, tmp_path, labels, MissedConfig())
    assert whole.seen == [(200, 240)]
    trained = BlobPredictor(96, Parts.of(96, 24))
    assert find_missed(trained, tmp_path, labels) == missed
    assert set(trained.seen) == {(96, 96)}


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
    assert main(words) == 1  # a person may be going through it
    assert "missed.json: exists already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert main([*words, "--min-score", "2"]) == 2
