"""A store of windows: what it holds, and what it looks like in the frame of whole images."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from discs import BlobProposer, Discs

from sapnet.data.clicks import save_clicks
from sapnet.data.corrections import save_corrections
from sapnet.data.tiles.grid import Parts
from sapnet.data.tiles.windows import owner_of, window_of
from sapnet.evaluation.label_file import load_labels
from sapnet.evaluation.proposals import evaluate_proposals, proposal_ious
from sapnet.evaluation.selection_quality import evaluate_choices
from sapnet.geometry.rle import decode_masks, encode_masks, to_rle
from sapnet.labelling.label import label_top1
from sapnet.proposals.automatic import settle_parts
from sapnet.proposals.config import ProposeConfig, RunConfig
from sapnet.proposals.propose import ProposeSummary, propose_dataset
from sapnet.store.layout import StoreError
from sapnet.store.reader import ProposalStore
from sapnet.store.views.corrected import open_corrected
from sapnet.store.views.whole import WholeStore, open_whole_store
from sapnet.structures.clicks import Click, ClickSet
from sapnet.structures.corrections import Correction, Corrections

DISCS = Discs(
    centers=(
        (30.5, 40.5, 12),
        (115.5, 30.5, 14),  # shown by two windows, whole in both
        (100.5, 80.5, 20),
        (200.5, 60.5, 10),
        (120.5, 132.5, 28),  # larger than the windows share: cut off in its own window
    ),
    height=180,
    width=224,
)
RUN = RunConfig(parts=Parts.of(128, 32))


def fill(tmp_path: Path, run: RunConfig = RUN, discs: Discs = DISCS) -> ProposeSummary:
    discs.write(tmp_path / "images")
    return propose_dataset(
        tmp_path / "images", discs.clicks(), tmp_path / "store", BlobProposer(), run
    )


def masks_of(path: Path, discs: Discs = DISCS) -> dict[int, np.ndarray]:
    annotations = json.loads(path.read_text())["annotations"]
    return {
        a["id"]: decode_masks([to_rle(a["segmentation"], discs.height, discs.width)])[0] > 0
        for a in annotations
    }


def test_windows_are_images_of_the_store(tmp_path: Path) -> None:
    summary = fill(tmp_path)
    store = ProposalStore(tmp_path / "store")
    assert summary.num_images == store.num_images == 4
    assert store.images[0].file_name == "discs.tif#xywh=0,0,128,128"
    assert store.parts == Parts.of(128, 32)
    own = [key for key, *_ in store.numbered_objects() if key > 0]
    assert sorted(own) == [1, 2, 3, 4, 5]
    assert len(store) > len(own)
    again = fill(tmp_path)
    assert (again.num_images, again.num_images_before) == (0, 4)


def test_labels_are_of_whole_images(tmp_path: Path) -> None:
    fill(tmp_path)
    summary = label_top1(tmp_path / "store", tmp_path / "labels.json", with_candidates=True)
    content = json.loads((tmp_path / "labels.json").read_text())
    assert content["images"] == [{"id": 3, "file_name": "discs.tif", "width": 224, "height": 180}]
    assert (summary.num_images, summary.num_objects, summary.num_without) == (1, 5, 0)
    found = masks_of(tmp_path / "labels.json")
    for key, mask in enumerate(DISCS.masks(), 1):
        assert (found[key] == mask).all(), key
    by_id = {a["id"]: a for a in content["annotations"]}
    assert by_id[4]["point"] == [200.5, 60.5]
    assert by_id[5]["bbox"] == [93, 105, 55, 55]
    assert by_id[5]["area"] == DISCS.masks()[4].sum()
    assert by_id[4]["candidates"]["segmentations"][0]["size"] == [180, 224]
    assert len(load_labels(tmp_path / "labels.json").labels) == 5


def test_figures_are_those_of_whole_images(tmp_path: Path) -> None:
    fill(tmp_path)
    label_top1(tmp_path / "store", tmp_path / "labels.json")
    figures = evaluate_choices(tmp_path / "labels.json", tmp_path / "store", DISCS.truth())
    assert figures["label_miou"] == 1.0
    assert figures["num_objects"] == 5
    proposed = evaluate_proposals(tmp_path / "store", DISCS.truth())
    assert 0.95 < proposed["top1_miou"] < 1.0  # the last disc is cut off
    assert sorted(proposal_ious(tmp_path / "store", DISCS.truth())) == [1, 2, 3, 4, 5]


def test_the_whole_view_agrees_with_itself(tmp_path: Path) -> None:
    fill(tmp_path)
    store = open_whole_store(tmp_path / "store")
    assert isinstance(store, WholeStore)
    assert open_whole_store(store) is store
    assert (len(store), store.num_images, store.num_objects_of_image.tolist()) == (5, 1, [5])
    assert tuple(store.images) == (DISCS.record,)
    assert store.position_of(3) == 0
    objects = {entry.click.annotation_id: entry for entry in store.objects_of_image(0)}
    for key, (x, y, _) in enumerate(DISCS.centers, 1):
        assert objects[key].click.point == (x, y)
        assert store.find(key).proposals.rles == objects[key].proposals.rles
        assert store.image_index_of(key) == 0
    assert objects[4].proposals.boxes[0].tolist() == [191, 51, 210, 70]
    assert [key for key, *_ in store.numbered_objects()] == [1, 2, 3, 4, 5] or len(objects) == 5
    assert sum(batch.num_rows for batch in store.object_columns(("points",))) == 5
    assert len(pickle.loads(pickle.dumps(store))) == 5
    with pytest.raises(KeyError):
        store.find(6)


def test_whole_images_have_no_other_view(tmp_path: Path) -> None:
    fill(tmp_path, RunConfig())
    store = ProposalStore(tmp_path / "store")
    assert open_whole_store(store) is store


def test_corrections_of_whole_images_reach_the_windows(tmp_path: Path) -> None:
    fill(tmp_path)
    mask = np.zeros((180, 224), bool)
    mask[15:45, 100:135] = True
    rle = encode_masks(mask[None])[0]
    click = Click(2, 3, 1, ((115.5, 30.5),), mask=rle)
    made = Corrections(
        (DISCS.record,), DISCS.clicks().categories, {2: Correction(click, "drawn")},
        frozenset({3}), tmp_path / "c.json",
    )  # fmt: skip
    store = open_corrected(tmp_path / "store", made)
    keys = [key for key, *_ in store.numbered_objects()]
    assert 3 not in keys
    assert not any(-key // 16 == 3 for key in keys if key < 0)
    whole = open_whole_store(store)
    assert len(whole) == 4
    summary = label_top1(store, tmp_path / "labels.json")
    assert summary.num_objects == 4
    assert (masks_of(tmp_path / "labels.json")[2] == mask).all()
    save_corrections(tmp_path / "c.json", made)
    wrong = Corrections((DISCS.record,), (), {9: Correction(click, "drawn")}, source=Path("c"))
    with pytest.raises(ValueError, match="object 9 is not in"):
        open_corrected(tmp_path / "store", wrong)


LONG = np.zeros((180, 224), bool)
LONG[20:60, 5:220] = True
"""A mask that is wider than a window."""


def test_a_mask_that_came_with_a_click_is_its_label_however_large(tmp_path: Path) -> None:
    DISCS.write(tmp_path / "images")
    click = Click(1, 3, 1, ((30.5, 40.5),), mask=encode_masks(LONG[None])[0])
    clicks = replace(DISCS.clicks(), clicks=(click,))
    run = RunConfig(parts=Parts.of(64, 16))
    propose_dataset(tmp_path / "images", clicks, tmp_path / "store", BlobProposer(), run)
    store = ProposalStore(tmp_path / "store")
    reached = [w for w in map(window_of, store.images) if LONG[w.y :, w.x :][:64, :64].any()]
    assert len(store) == len(reached) > 4
    assert {owner_of(key) for key, *_ in store.numbered_objects()} == {1}
    label_top1(store, tmp_path / "labels.json")
    assert (masks_of(tmp_path / "labels.json")[1] == LONG).all()


@pytest.mark.parametrize("column", [115, 180])
def test_a_decided_mask_is_the_label_however_large(
    tmp_path: Path, column: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Outside of the window of its click it is none, which is said, and the other labels stay."""
    fill(tmp_path, RunConfig(parts=Parts.of(64, 16)))
    mask = LONG.copy()
    mask[:, :column] = False
    click = Click(1, 3, 1, ((column + 5.5, 40.5),), mask=encode_masks(mask[None])[0])
    long = Click(2, 3, 1, ((115.5, 30.5),), mask=encode_masks(LONG[None])[0])
    fixed = {1: Correction(click, "clicked"), 2: Correction(long, "drawn")}
    made = Corrections((DISCS.record,), DISCS.clicks().categories, fixed, source=tmp_path / "c")
    label_top1(open_corrected(tmp_path / "store", made), tmp_path / "labels.json")
    masks = masks_of(tmp_path / "labels.json")
    assert (masks[2] == LONG).all()
    assert sorted(masks) == [2, 3, 4, 5]
    assert "object 1: its mask was decided outside of the window of its click" in caplog.text


def test_a_store_of_other_windows_is_not_continued(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(StoreError, match=r"settings\.tile"):
        fill(tmp_path, RunConfig(parts=Parts.of(100, 32)))


def test_masks_of_whole_images_are_not_tiled(tmp_path: Path) -> None:
    DISCS.write(tmp_path / "images")
    proposer = BlobProposer()
    proposer.name = "file"
    with pytest.raises(ValueError, match="the proposer file has masks of whole images"):
        propose_dataset(tmp_path / "images", DISCS.clicks(), tmp_path / "s", proposer, RUN)


def test_remote_images_are_not_tiled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected images in a folder of this machine"):
        propose_dataset("memory://x", DISCS.clicks(), tmp_path / "s", BlobProposer(), RUN)


def test_a_missing_image_can_be_skipped(tmp_path: Path) -> None:
    DISCS.write(tmp_path / "images")
    gone = Discs((), 50, 50, "gone.tif")
    other = ClickSet(
        (DISCS.record, type(DISCS.record)(4, gone.name, 50, 50)),
        DISCS.clicks().categories,
        DISCS.clicks().clicks,
    )
    run = RunConfig(parts=RUN.parts, skip_errors=True)
    summary = propose_dataset(tmp_path / "images", other, tmp_path / "s", BlobProposer(), run)
    assert [image.file_name for image in summary.skipped] == ["gone.tif"]
    assert summary.num_images == 4


def test_windows_are_chosen_where_none_are_named(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    small = DISCS.clicks()
    cfg = ProposeConfig(images, tmp_path / "c.json", tmp_path / "store", "click")
    assert not settle_parts(cfg, small, cfg.run()).parts

    points = [(50.5 + 30 * (n % 100), 50.5 + 30 * (n // 100)) for n in range(500)]
    large = Discs(tuple((x, y, 5) for x, y in points), 4000, 4000)
    assert settle_parts(cfg, large.clicks(), cfg.run()).parts == Parts.of(512)
    kept = ProposeConfig(images, tmp_path / "c.json", tmp_path / "store", "click", tile=0)
    assert not settle_parts(kept, large.clicks(), kept.run()).parts

    fill(tmp_path)  # a store that was begun decides
    assert settle_parts(cfg, large.clicks(), cfg.run()).parts == Parts.of(128, 32)


def test_options_name_windows_and_bands(tmp_path: Path) -> None:
    save_clicks(tmp_path / "c.json", DISCS.clicks())
    cfg = ProposeConfig("i", "c", "o", "click", tile=256, overlap=16, bands=(3, 2, 1))
    assert cfg.run().parts == Parts.of(256, 16, (3, 2, 1))
    with pytest.raises(ValueError, match="expected the numbers of one band"):
        ProposeConfig("i", "c", "o", "click", bands=(1, 2)).run()
