"""What images leave open, on its way into a batch."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sapnet.batches.augment import evaluation_view
from sapnet.batches.collate import collate
from sapnet.batches.config import AugmentConfig
from sapnet.batches.dataset import ClickDataset, DatasetConfig, MaskDataset
from sapnet.batches.supervision import make_gaps
from sapnet.data.coco import Instance, InstanceSet
from sapnet.geometry.rle import encode_masks, to_rle
from sapnet.structures.clicks import Coverage, IgnoredRegion

LABELS = {4: 0, 9: 1}
AUGMENT = AugmentConfig(short_sides=(30,), max_long_side=60, flip_probability=0, color_jitter=0)
VIEW = evaluation_view((30, 40), AUGMENT)
SQUARE = np.zeros((1, 30, 40), np.uint8)
SQUARE[0, 8:16, 20:32] = 1
REGION = IgnoredRegion(9, encode_masks(SQUARE)[0])


def test_a_complete_image_leaves_nothing_open() -> None:
    for coverage in (Coverage(), Coverage(())):
        assert make_gaps(coverage, LABELS, "complete", VIEW) is None
    assert make_gaps(Coverage(()), LABELS, "partial", VIEW) is None
    assert (
        make_gaps(Coverage((77,), (replace(REGION, category_id=77),)), LABELS, "complete", VIEW)
        is None
    )


def test_partial_categories_and_regions() -> None:
    found = make_gaps(Coverage((9,), (REGION,)), LABELS, "complete", VIEW)
    assert found is not None
    assert found.partial.tolist() == [[False, True]]
    assert (found.labels.tolist(), found.image_index.tolist()) == ([1], [0])
    rows, columns = np.nonzero(found.masks[0].numpy())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 3, 5, 7)
    unmarked = make_gaps(Coverage(), LABELS, "partial", VIEW)
    assert unmarked is not None
    assert unmarked.partial.tolist() == [[True, True]]
    assert unmarked.masks.shape == (0, *VIEW.grid_size())


@pytest.mark.parametrize("supervision", ["clicks", "top1"])
def test_a_batch_of_clicks(store: SimpleNamespace, supervision: str) -> None:
    store.coverage[6] = Coverage((4,), (REGION,))
    cfg = DatasetConfig(supervision=supervision, augment=AUGMENT)  # type: ignore[arg-type]
    samples = [ClickDataset(store.folder, store, cfg, train=True)[i] for i in (0, 1)]
    assert samples[0].gaps is None
    gaps = collate(samples).gaps
    assert gaps is not None
    assert gaps.partial.tolist() == [[False, False], [True, False]]
    assert gaps.image_index.tolist() == [1]
    assert gaps.masks.shape == (1, *VIEW.grid_size())
    assert collate(samples[:1]).gaps is None
    moved = collate(samples).to("meta").gaps
    assert moved is not None
    assert moved.partial.device == torch.device("meta")
    assert all(ClickDataset(store.folder, store, cfg, train=False)[i].gaps is None for i in (0, 1))


def test_crowds_of_masks_are_regions(store: SimpleNamespace) -> None:
    image = store.images[0]
    square = [[20, 8, 32, 8, 32, 16, 20, 16]]
    crowd = Instance(3, image, 9, True, square, store.folder)
    one = Instance(1, image, 4, False, [[1, 1, 9, 1, 9, 9]], store.folder)
    instances = InstanceSet(store.images, store.categories, (crowd, one), partial={6: (9,)})
    dataset = MaskDataset(store.folder, instances, DatasetConfig(augment=AUGMENT), train=True)
    sample = dataset[0]
    assert sample.targets is not None
    assert sample.targets.labels.tolist() == [0]
    assert sample.gaps is not None
    assert sample.gaps.labels.tolist() == [1]
    expected = make_gaps(
        Coverage(None, (IgnoredRegion(9, to_rle(square, 30, 40)),)), LABELS, "complete", VIEW
    )
    assert expected is not None
    assert torch.equal(sample.gaps.masks, expected.masks)
    other = dataset[1].gaps
    assert other is not None
    assert other.partial.tolist() == [[False, True]]
