from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import supervision as sv
from PIL import Image

from sapnet import ProposalStore, label, segment_clicks
from sapnet.api.segment_clicks import _built
from sapnet.geometry.rle import decode_masks, encode_masks, rle_boxes, to_rle
from sapnet.prediction.detections import Detections
from sapnet.structures.proposals import Proposals, StoredObject

if TYPE_CHECKING:
    from sapnet.structures.clicks import Click
    from tests.conftest import TinySet


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """64 x 96 px: a red square and a blue one on gray."""
    pixels = np.full((64, 96, 3), 120, np.uint8)
    pixels[16:40, 8:32] = (200, 30, 30)
    pixels[20:50, 60:84] = (30, 30, 200)
    return pixels


RED, BLUE = (20, 28), (72, 35)


class Fixed:
    """A proposer that gives two squares round each click; the smaller one has the better score."""

    name = "fixed"
    settings: dict[str, int] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked: list[Click] = []

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        self.asked += clicks
        return [self._propose(image, click) for click in clicks]

    def _propose(self, image: np.ndarray, click: Click) -> Proposals:
        masks = np.zeros((2, *image.shape[:2]), np.uint8)
        x, y = (int(value) for value in click.point)
        for mask, side in zip(masks, (8, 4), strict=True):
            mask[y - side : y + side, x - side : x + side] = 1
        rles = tuple(encode_masks(masks))
        scores = np.array([0.25, 0.75], np.float32)
        return Proposals(rles, rle_boxes(rles), scores, ("point", "point"))


@pytest.mark.usefixtures("hub_cache")
def test_the_default_proposer_finds_the_squares(scene: np.ndarray) -> None:
    _built.cache_clear()
    found = segment_clicks(scene, [RED, BLUE])
    assert isinstance(found, sv.Detections)
    assert isinstance(found, Detections)
    assert found.mask.shape == (2, 64, 96)
    assert found.mask.dtype == bool
    for mask, (x1, y1, x2, y2) in zip(found.mask, ((8, 16, 32, 40), (60, 20, 84, 50)), strict=True):
        square = np.zeros((64, 96), bool)
        square[y1:y2, x1:x2] = True
        assert (mask & square).sum() / (mask | square).sum() > 0.8
    assert found.class_id.tolist() == [0, 0]
    assert "class_name" not in found.data
    assert ((found.confidence > 0) & (found.confidence <= 1)).all()
    assert found.plot().size == (96, 64)


def test_the_best_own_score_wins(scene: np.ndarray) -> None:
    proposer = Fixed()
    found = segment_clicks(scene, [RED, [BLUE, (70, 30)]], ["cup", "cat"], proposer)
    assert found.xyxy.tolist() == [[16, 24, 24, 32], [68, 31, 76, 39]]
    assert found.confidence.tolist() == [0.75, 0.75]
    assert found.class_id.tolist() == [0, 1]
    assert found.data["class_name"].tolist() == ["cup", "cat"]
    assert [click.points for click in proposer.asked] == [(RED,), (BLUE, (70, 30))]
    assert [click.category_id for click in proposer.asked] == [0, 1]


def test_any_kind_of_image(scene: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(scene).save(tmp_path / "a.png")
    for image in (tmp_path / "a.png", Image.fromarray(scene)):
        found = segment_clicks(image, np.array([RED]), proposer=Fixed())
        np.testing.assert_array_equal(found.pixels, scene)
        assert len(found) == 1


def test_no_points(scene: np.ndarray) -> None:
    found = segment_clicks(scene, [])
    assert len(found) == 0
    assert found.mask.shape == (0, 64, 96)
    np.testing.assert_array_equal(np.asarray(found.plot()), scene)


def test_a_built_proposer_is_kept(scene: np.ndarray) -> None:
    _built.cache_clear()
    for _ in range(2):
        segment_clicks(scene, [RED], proposer="regions", num_proposals=3)
    assert _built.cache_info().hits == 1


def test_wrong_use(scene: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"points\[0\]: x = 96, but the image is 96 px wide"):
        segment_clicks(scene, [(96, 1)])
    with pytest.raises(ValueError, match=r"proposer: expected 'auto' or .* found 'region'"):
        segment_clicks(scene, [RED], proposer="region")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="proposer 'file' looks masks up"):
        segment_clicks(scene, [RED], proposer="file")
    with pytest.raises(TypeError, match=r"no option 'chekpoint'; did you mean 'checkpoint'\?"):
        segment_clicks(scene, [RED], chekpoint="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="expected an image"):
        segment_clicks(None, [RED])  # type: ignore[arg-type]


class Stored:
    """A proposer that gives what a store holds of one image, found by the clicks' order."""

    name = "stored"
    settings: dict[str, int] = {}  # noqa: RUF012

    def __init__(self, objects: Sequence[StoredObject]) -> None:
        self._objects = objects

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        del image
        assert [c.points for c in clicks] == [o.click.points for o in self._objects]
        return [stored.proposals for stored in self._objects]


def test_a_run_chooses_as_label_does(tiny_set: TinySet, tiny_run: Path, tmp_path: Path) -> None:
    store = ProposalStore(tiny_set.store)
    labels = label(
        tiny_set.images, tiny_set.store, tmp_path / "a.json", run=tiny_run, device="cpu", workers=0
    )
    annotations = json.loads(labels.labels.read_text())["annotations"]
    expected = {annotation["id"]: annotation for annotation in annotations}
    names = {category.category_id: category.name for category in store.categories}
    compared = 0
    for index, image in enumerate(store.images):
        objects = store.objects_of_image(index)
        found = segment_clicks(
            tiny_set.images / image.file_name,
            [stored.click.points for stored in objects],
            [names[stored.click.category_id] for stored in objects],
            Stored(objects),
            run=tiny_run,
            device="cpu",
        )
        for n, stored in enumerate(objects):
            annotation = expected[stored.click.annotation_id]
            rle = to_rle(annotation["segmentation"], image.height, image.width)
            np.testing.assert_array_equal(found.mask[n], decode_masks([rle])[0])
            assert found.confidence[n] == pytest.approx(annotation["score"], abs=1e-5)
            assert found.data["category_id"][n] == annotation["category_id"]
            assert found.data["class_name"][n] == names[annotation["category_id"]]
            compared += 1
    assert compared == len(expected) > 0


def test_a_class_that_the_run_does_not_know(scene: np.ndarray, tiny_run: Path) -> None:
    with pytest.raises(ValueError, match="unknown class 'zebra'; the network knows"):
        segment_clicks(scene, [RED], "zebra", Fixed(), run=tiny_run, device="cpu")
    with pytest.raises(ValueError, match="tells 3 classes apart"):
        segment_clicks(scene, [RED], None, Fixed(), run=tiny_run, device="cpu")


def test_negative_points_and_boxes_reach_the_proposer(scene: np.ndarray) -> None:
    proposer = Fixed()
    box = (4.0, 10.0, 40.0, 80.0)
    segment_clicks(
        scene,
        [RED, BLUE],
        proposer=proposer,
        negative_points=[[(1, 2), (3, 4)], []],
        boxes=[box, None],
    )
    first, second = proposer.asked
    assert first.negative_points == ((1, 2), (3, 4))
    assert first.box == (4, 10, 40, 64)  # clipped to the image
    assert (second.negative_points, second.box) == ((), None)
    segment_clicks(scene, [RED], proposer=proposer, negative_points=[(5, 6)])
    assert proposer.asked[-1].negative_points == ((5, 6),)
    with pytest.raises(ValueError, match="boxes: expected one entry per object, found 1 for 2"):
        segment_clicks(scene, [RED, BLUE], proposer=proposer, boxes=[box])
    with pytest.raises(ValueError, match=r"boxes\[0\]: expected x1, y1, x2, y2 or None"):
        segment_clicks(scene, [RED], proposer=proposer, boxes=[(1, 2, 3)])
    with pytest.raises(ValueError, match=r"boxes\[0\]: .* round the object's point \(20, 28\)"):
        segment_clicks(scene, [RED], proposer=proposer, boxes=[(40, 40, 50, 50)])
    with pytest.raises(ValueError, match=r"negative_points\[0\]: x = -1"):
        segment_clicks(scene, [RED], proposer=proposer, negative_points=[(-1, 6)])
