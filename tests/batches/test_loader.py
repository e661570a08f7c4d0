from types import SimpleNamespace

import pytest

from sapnet.batches.config import AugmentConfig
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.images import ImageDataset
from sapnet.batches.loader import EpochSampler, build_loader

AUGMENT = AugmentConfig(short_sides=(24, 30, 48, 60), max_long_side=200)


def test_order_of_an_epoch() -> None:
    sampler = EpochSampler(range(50), shuffle=True, seed=3)
    first = list(sampler)
    assert sorted(first) == list(range(50))
    assert list(sampler) == first
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(second) == list(range(50))
    assert second != first
    resumed = EpochSampler(range(50), shuffle=True, seed=3)
    resumed.set_epoch(1)
    assert list(resumed) == second
    assert list(EpochSampler(range(50), shuffle=True, seed=4)) != first


def test_what_a_stopped_run_has_seen_is_left_out_once() -> None:
    sampler = EpochSampler(range(10), shuffle=True, seed=3, share=(1, 2))
    sampler.set_epoch(4)
    whole = list(sampler)
    sampler.leave_out(4, 3)
    assert list(sampler) == whole[3:]
    assert len(sampler) == 5  # progress counts whole epochs
    sampler.set_epoch(5)
    assert len(list(sampler)) == 5


def test_without_shuffling() -> None:
    sampler = EpochSampler(range(4), shuffle=False)
    sampler.set_epoch(2)
    assert list(sampler) == [0, 1, 2, 3]
    assert list(EpochSampler([], shuffle=True)) == []


@pytest.mark.parametrize("shuffle", [False, True])
def test_ranks_share_the_images(shuffle: bool) -> None:
    samplers = [EpochSampler(range(10), shuffle=shuffle, seed=1, share=(r, 4)) for r in range(4)]
    shares = [list(sampler) for sampler in samplers]
    assert [len(share) for share in shares] == [3, 3, 3, 3]  # equal, else ranks would wait
    assert [len(sampler) for sampler in samplers] == [3, 3, 3, 3]
    together = [index for step in zip(*shares, strict=True) for index in step]
    whole = list(EpochSampler(range(10), shuffle=shuffle, seed=1))
    assert together == whole + whole[:2]


def dataset_of(store: SimpleNamespace) -> ClickDataset:
    return ClickDataset(store.folder, store, DatasetConfig(augment=AUGMENT), train=True)  # type: ignore[arg-type]


def test_batches(store: SimpleNamespace) -> None:
    (batch,) = build_loader(dataset_of(store), 2)
    assert batch.image_ids.tolist() == [5, 6]
    assert batch.bags.image_index.tolist() == [0, 0]
    paths = [store.folder / "a.png"] * 5
    sizes = [len(batch.images) for batch in build_loader(ImageDataset(paths, AUGMENT), 2)]
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("workers", [0, 1])
def test_epoch_reaches_the_views(store: SimpleNamespace, workers: int) -> None:
    """Also in loader processes that outlive an epoch."""
    loader = build_loader(dataset_of(store), 2, workers=workers)
    direct = dataset_of(store)
    for epoch in range(4):
        loader.sampler.set_epoch(epoch)
        direct.set_epoch(epoch)
        (batch,) = loader
        expected = [direct[i].view.input_size for i in range(2)]
        assert [tuple(size) for size in batch.image_sizes.tolist()] == expected
