"""The simulated proposer: how good, how biased, how repeatable."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.geometry.rle import decode_masks, rle_iou, to_rle
from sapnet.proposals.simulated.masks import displace
from sapnet.proposals.simulated.proposer import SimulatedConfig, SimulatedProposer
from sapnet.structures.clicks import RLE, Click
from sapnet.structures.proposals import Proposals

Dataset = tuple[Path, dict[int, RLE], dict[int, list[Click]]]
Bag = tuple[Click, Proposals, np.ndarray]

IMAGE = np.zeros((160, 160, 3), np.uint8)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Parts file, ground truth by annotation id, and uniformly drawn clicks by image id."""
    paths = write_synthetic(tmp_path_factory.mktemp("synthetic"), SyntheticConfig(num_images=60))
    rng = np.random.default_rng(0)
    truth, clicks = {}, {}
    for annotation in json.loads(paths.truth.read_text())["annotations"]:
        rle = to_rle(annotation["segmentation"], 160, 160)
        rows, columns = np.nonzero(decode_masks([rle])[0])
        pixel = rng.integers(len(rows))
        point = (float(columns[pixel]) + 0.5, float(rows[pixel]) + 0.5)
        truth[annotation["id"]] = rle
        clicks.setdefault(annotation["image_id"], []).append(
            Click(annotation["id"], annotation["image_id"], annotation["category_id"], (point,))
        )
    return paths.parts, truth, clicks


@pytest.fixture(scope="module")
def bags(dataset: Dataset) -> list[Bag]:
    """(click, its proposals, their IoU with the truth) of every object."""
    parts, truth, clicks = dataset
    proposer = SimulatedProposer(parts, SimulatedConfig())
    return [
        (click, proposals, rle_iou(proposals.rles, [truth[click.annotation_id]])[:, 0])
        for of_image in clicks.values()
        for click, proposals in zip(of_image, proposer.propose(IMAGE, of_image), strict=True)
    ]


def test_top1_and_oracle_are_where_they_are_meant_to_be(bags: list[Bag]) -> None:
    top1 = np.mean([iou[proposals.scores.argmax()] for _, proposals, iou in bags])
    oracle = np.mean([iou.max() for _, _, iou in bags])
    assert 0.58 <= top1 <= 0.68
    assert 0.92 <= oracle <= 0.96


def test_bags_hold_every_kind_of_mistake(bags: list[Bag]) -> None:
    for kind, share in {
        "part": 0.95,
        "whole": 1.0,
        "union": 0.75,
        "leak": 0.95,
        "group": 0.65,
        "eroded": 0.5,
    }.items():
        assert np.mean([kind in proposals.prompts for _, proposals, _ in bags]) >= share, kind
    assert {len(proposals) for _, proposals, _ in bags} == {6, 7, 8}


def test_kinds_are_as_good_as_their_names(bags: list[Bag]) -> None:
    iou_of = {}
    for _, proposals, iou in bags:
        for kind, value in zip(proposals.prompts, iou, strict=True):
            iou_of.setdefault(kind, []).append(value)
    mean = {kind: np.mean(values) for kind, values in iou_of.items()}
    assert mean["eroded"] < mean["part"] < mean["group"] < mean["union"] < mean["whole"]
    assert 0.45 <= mean["leak"] <= 0.75


def test_own_scores_prefer_parts(bags: list[Bag]) -> None:
    scores = {}
    for _, proposals, _ in bags:
        assert proposals.scores.dtype == np.float32
        for kind, score in zip(proposals.prompts, proposals.scores, strict=True):
            scores.setdefault(kind, []).append(score)
    mean = {kind: np.mean(values) for kind, values in scores.items()}
    assert mean["part"] > mean["whole"] > mean["leak"]
    best = [proposals.prompts[proposals.scores.argmax()] for _, proposals, _ in bags]
    assert np.mean([kind in ("part", "eroded", "union") for kind in best]) > 0.5


def test_every_mask_holds_the_click_and_has_a_tight_box(bags: list[Bag]) -> None:
    for click, proposals, _ in bags:
        masks = decode_masks(proposals.rles)
        x, y = (int(value) for value in click.point)
        assert masks[:, y, x].all()
        for mask, box in zip(masks, proposals.boxes, strict=True):
            rows, columns = np.nonzero(mask)
            expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert box.tolist() == expected


def test_an_object_does_not_depend_on_its_company_nor_on_the_process(dataset: Dataset) -> None:
    parts, _, clicks = dataset
    of_image = max(clicks.values(), key=len)
    proposer = SimulatedProposer(parts, SimulatedConfig())
    together = proposer.propose(IMAGE, of_image)
    elsewhere = pickle.loads(pickle.dumps(proposer))
    alone = elsewhere.propose(IMAGE, of_image[-1:])[0]
    assert alone.rles == together[-1].rles
    assert (alone.scores == together[-1].scores).all()
    other = SimulatedProposer(parts, SimulatedConfig(seed=1)).propose(IMAGE, of_image[-1:])[0]
    assert other.rles != alone.rles


@pytest.mark.parametrize("count", [1, 3, 30])
def test_any_number_of_masks(dataset: Dataset, count: int) -> None:
    parts, _, clicks = dataset
    proposer = SimulatedProposer(parts, SimulatedConfig(num_candidates=(count, count)))
    of_image = clicks[1]
    assert [len(p) for p in proposer.propose(IMAGE, of_image)] == [count] * len(of_image)
    assert proposer.propose(IMAGE, []) == []


def test_a_click_beside_the_object_gets_masks_all_the_same(dataset: Dataset) -> None:
    parts, _, clicks = dataset
    click = clicks[1][0]
    missed = Click(click.annotation_id, click.image_id, click.category_id, ((0.5, 0.5),))
    proposals = SimulatedProposer(parts, SimulatedConfig()).propose(IMAGE, [missed])[0]
    assert decode_masks(proposals.rles).any(axis=(1, 2)).all()


def test_a_click_on_another_object_gets_that_one(dataset: Dataset) -> None:
    parts, truth, clicks = dataset
    meant, seen = next(of_image for of_image in clicks.values() if len(of_image) > 1)[:2]
    missed = Click(meant.annotation_id, meant.image_id, meant.category_id, seen.points)
    proposals = SimulatedProposer(parts, SimulatedConfig()).propose(IMAGE, [missed])[0]
    ious = rle_iou(
        proposals.rles, [truth[click.annotation_id] for click in (meant, seen)]
    )  # (K, 2)
    assert ious[:, 1].max() > 0.8
    assert ious[:, 0].max() < 0.5
    assert all(decode_masks(proposals.rles)[:, int(seen.point[1]), int(seen.point[0])])


def test_a_click_just_beside_the_object_is_taken_for_its_nearest_pixel(dataset: Dataset) -> None:
    parts, truth, clicks = dataset
    click = clicks[1][0]
    occupied = decode_masks([truth[other.annotation_id] for other in clicks[1]]).any(0)
    own = decode_masks([truth[click.annotation_id]])[0]
    distance, nearest = distance_transform_edt(own == 0, return_indices=True)
    beside = np.unravel_index(np.where(occupied, np.inf, distance).argmin(), own.shape)
    proposer = SimulatedProposer(parts, SimulatedConfig())

    def proposed(y: int, x: int) -> Proposals:
        point = (x + 0.5, y + 0.5)
        at = Click(click.annotation_id, click.image_id, click.category_id, (point,))
        return proposer.propose(IMAGE, [at])[0]

    missed = proposed(*map(int, beside))
    hit = proposed(*map(int, nearest[:, *beside]))
    assert missed.prompts == hit.prompts
    assert missed.rles == hit.rles


def test_settings_are_json_and_tell_parts_files_apart(dataset: Dataset, tmp_path: Path) -> None:
    parts, _, _ = dataset
    settings = SimulatedProposer(parts, SimulatedConfig()).settings
    assert json.loads(json.dumps(settings))["seed"] == 0
    other = tmp_path / "parts.json"
    other.write_text('{"objects": []}')
    assert SimulatedProposer(other, SimulatedConfig()).settings != settings


def test_errors_say_what_is_wrong(dataset: Dataset, tmp_path: Path) -> None:
    parts, _, clicks = dataset
    proposer = SimulatedProposer(parts, SimulatedConfig())
    with pytest.raises(ValueError, match=r"parts\.json: no parts of object 99999"):
        proposer.propose(IMAGE, [Click(99999, 1, 1, ((3.0, 3.0),))])
    with pytest.raises(ValueError, match=r"parts\.json, object \d+: expected run lengths of size"):
        proposer.propose(np.zeros((80, 80, 3), np.uint8), clicks[1])
    missing = SimulatedProposer(tmp_path / "none.json", SimulatedConfig())
    with pytest.raises(FileNotFoundError, match=r"none\.json: no such file"):
        missing.propose(IMAGE, clicks[1])
    with pytest.raises(ValueError, match="num_candidates: expected 1 <= fewest"):
        SimulatedConfig(num_candidates=(0, 4))


def test_displacement() -> None:
    rng = np.random.default_rng(0)
    masks = np.zeros((2, 41, 41), bool)
    masks[:, 5:36, 5:36] = True
    ones = np.ones(2, np.float32)
    assert (displace(masks, (20, 20), 0.0, ones, rng) == masks).all()
    moved = displace(masks, (20, 20), 0.2, ones, rng)
    assert moved[:, 20, 20].all()
    assert (moved != masks).any(axis=(1, 2)).all()
    assert (moved[0] != moved[1]).any()
    # Half the size about the centre: a 15 x 15 square, columns 13 to 27.
    half = displace(masks, (20, 20), 0.0, np.full(2, 0.5, np.float32), rng)
    assert np.flatnonzero(half[0].any(axis=0)).tolist() == list(range(13, 28))
