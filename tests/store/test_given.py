"""Objects that come with a mask or a box, on their way into a store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals.from_file import FileProposer
from sapnet.proposals.propose import propose_dataset
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.store.given import GivenCounts, count_given
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.proposals import GIVEN_MASK, Proposals

WIDTH, HEIGHT = 40, 30
MASK = encode_masks(np.tri(HEIGHT, WIDTH, dtype=np.uint8)[None])[0]
SQUARE = encode_masks(np.ones((1, HEIGHT, WIDTH), np.uint8))[0]
BOX = (0.0, 0.0, 9.0, 9.0)


class Recorder:
    """Proposes the whole image for each click, and remembers whom it was asked for."""

    name = "recorder"
    settings: dict[str, int] = {}  # noqa: RUF012  # a constant of the class

    def __init__(self) -> None:
        self.asked: list[int] = []

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        self.asked += [click.annotation_id for click in clicks]
        score = np.full(1, image.shape[0] / (2 * HEIGHT), np.float32)
        return [Proposals((SQUARE,), rle_boxes([SQUARE]), score, ("point",)) for _ in clicks]


@pytest.fixture
def plain() -> ClickSet:
    """Objects 1 to 4 on the first image, 5 and 6 on the second; two categories in turn."""
    images = (ImageRecord(10, "a.png", WIDTH, HEIGHT), ImageRecord(11, "b.png", WIDTH, HEIGHT))
    objects = tuple(
        Click(number, 10 if number < 5 else 11, 1 + number % 2, ((5.5 * number, 4.5 * number),))
        for number in range(1, 7)
    )
    return ClickSet(images, (Category(1, "cat"), Category(2, "dog")), objects)


@pytest.fixture
def mixed(plain: ClickSet) -> ClickSet:
    """The same; 2, 5 and 6 with a mask, 1, 2 and 3 with a box."""
    objects = [
        replace(
            click,
            mask=MASK if click.annotation_id in (2, 5, 6) else None,
            box=BOX if click.annotation_id < 4 else None,
        )
        for click in plain.clicks
    ]
    return replace(plain, clicks=tuple(objects))


@pytest.fixture
def images_dir(tmp_path: Path) -> Path:
    generator = np.random.default_rng(1)
    for name in ("a.png", "b.png"):
        pixels = generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path


def test_known_masks_are_kept_and_not_asked_for(
    tmp_path: Path, images_dir: Path, mixed: ClickSet
) -> None:
    proposer = Recorder()
    summary = propose_dataset(images_dir, mixed, tmp_path / "store", proposer)
    assert proposer.asked == [1, 3, 4]
    assert summary.given == GivenCounts(masks=3, boxes=2)
    store = ProposalStore(tmp_path / "store")
    assert store.count_given() == summary.given
    assert store.given_ids() == {2, 5, 6}
    for click in mixed.clicks:
        stored = store.find(click.annotation_id)
        assert stored.click == click
        if click.mask is None:
            assert stored.proposals.rles == (SQUARE,)
            continue
        assert stored.proposals.rles == (MASK,)
        assert stored.proposals.scores.tolist() == [1]
        assert stored.proposals.prompts == (GIVEN_MASK,)


def test_a_store_without_the_masks_gets_them(
    tmp_path: Path, images_dir: Path, plain: ClickSet, mixed: ClickSet
) -> None:
    propose_dataset(images_dir, plain, tmp_path / "store", Recorder())
    again = propose_dataset(images_dir, mixed, tmp_path / "store", Recorder())
    assert again.updated is not None
    assert again.updated.changed == again.num_images > 0
    given = {click.annotation_id for click in mixed.clicks if click.mask is not None}
    assert ProposalStore(tmp_path / "store").given_ids() == given


def test_objects_with_a_mask_still_bound_the_others(
    tmp_path: Path, images_dir: Path, plain: ClickSet, mixed: ClickSet
) -> None:
    """The regions of an object do not depend on whether its neighbours' masks are known."""
    regions = RegionProposer(RegionsConfig(num_proposals=3))
    unboxed = replace(mixed, clicks=tuple(replace(click, box=None) for click in mixed.clicks))
    for name, clicks in (("plain", plain), ("mixed", unboxed)):
        propose_dataset(images_dir, clicks, tmp_path / name, regions)
    stores = [ProposalStore(tmp_path / name) for name in ("plain", "mixed")]
    for annotation_id in (1, 3, 4):
        expected, found = (store.find(annotation_id).proposals.rles for store in stores)
        assert found == expected


def test_a_file_needs_no_record_of_known_masks(tmp_path: Path, mixed: ClickSet) -> None:
    records = [
        {"annotation_id": number, "segmentations": [[[0, 0, 9, 0, 9, 9, 0, 9]]]}
        for number in (1, 3, 4)
    ]
    path = tmp_path / "proposals.json"
    path.write_text(json.dumps(records))
    FileProposer(path).check_objects(mixed)
    path.write_text(json.dumps(records[1:]))
    with pytest.raises(ValueError, match="no proposals for annotation_id 1 of the clicks"):
        FileProposer(path).check_objects(mixed)


def test_counts_in_words(mixed: ClickSet) -> None:
    assert str(count_given(mixed.clicks)) == (
        "3 objects came with a mask, which stays its label; "
        "2 objects came with a box, which bounds its selection"
    )
    assert not count_given(())
    assert str(GivenCounts(masks=1)) == "1 object came with a mask, which stays its label"
