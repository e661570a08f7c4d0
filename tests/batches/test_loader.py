from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from sapnet.batches.config import AugmentConfig
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.images import ImageDataset
from sapnet.batches.loader import EpochSampler, build_loader
from sapnet.structures.left_out import UnusableImageError

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


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_image_is_one_line_in_any_process(tmp_path: Path, workers: int) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(4)]
    for path in paths:
        Image.new("RGB", (20, 10)).save(path)
    paths[2].write_text("no image")
    loader = build_loader(ImageDataset(paths, AUGMENT), 1, workers=workers)
    seen = []
    with pytest.raises(UnusableImageError) as error:
        seen += [batch.image_ids.tolist() for batch in loader]
    assert str(error.value).startswith(f"{paths[2]}: cannot be read as an image (")
    assert "Traceback" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_images_are_left_out_on_request(tmp_path: Path, workers: int) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(5)]
    for path in paths[:3]:
        Image.new("RGB", (20, 10)).save(path)
    paths[1].write_text("no image")  # 3 and 4 are missing: a batch of its own
    paths.insert(0, paths.pop(1))
    loader = build_loader(ImageDataset(paths, AUGMENT), 2, workers=workers)
    loader.skip_errors = True
    assert [batch.image_ids.tolist() for batch in loader] == [[1], [2]]
    assert [entry.index for entry in loader.left_out] == [0, 3, 4]
    assert "no such image file" in loader.left_out[1].message
