from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.batches.config import AugmentConfig
from sapnet.batches.dataset import ClickDataset, DatasetConfig, MaskDataset
from sapnet.batches.images import ImageDataset
from sapnet.batches.sample import Sample
from sapnet.data.coco import Instance, InstanceSet
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import Category, Click, ImageRecord
from sapnet.structures.proposals import Proposals, StoredObject

AUGMENT = AugmentConfig(short_sides=(24, 30, 48, 60), max_long_side=200)
CFG = DatasetConfig(augment=AUGMENT)


def click_dataset(
    store: SimpleNamespace, cfg: DatasetConfig = CFG, *, train: bool = True
) -> ClickDataset:
    return ClickDataset(store.folder, store, cfg, train=train)  # type: ignore[arg-type]


def views(dataset: ClickDataset | MaskDataset, epochs: int) -> list:
    found = []
    for epoch in range(epochs):
        dataset.set_epoch(epoch)
        found += [dataset[i].view for i in range(len(dataset))]
    return found


def assert_equal(first: Sample, second: Sample) -> None:
    assert first.view == second.view
    assert torch.equal(first.image, second.image)
    assert first.bags is not None
    assert second.bags is not None
    assert torch.equal(first.bags.annotation_ids, second.bags.annotation_ids)


def test_clicks_in_evaluation(store: SimpleNamespace) -> None:
    dataset = click_dataset(store, train=False)
    assert len(dataset) == 2
    sample = dataset[0]
    assert sample.image.shape == (3, *sample.view.input_size)
    assert sample.view.input_size == (60, 80)
    assert sample.image_id == 5
    assert sample.targets is None
    assert sample.bags is not None
    assert sample.bags.labels.tolist() == [1, 0]  # categories 9 and 4
    assert sample.bags.masks.shape == (2, 2, 16, 24)
    empty = dataset[1]
    assert empty.image_id == 6
    assert empty.bags is not None
    assert empty.bags.num_objects == 0


def test_top1_gives_targets(store: SimpleNamespace) -> None:
    cfg = DatasetConfig(supervision="top1", augment=AUGMENT)
    dataset = click_dataset(store, cfg, train=False)
    sample = dataset[0]
    assert sample.bags is None
    assert sample.targets is not None
    assert sample.targets.labels.tolist() == [1, 0]
    assert sample.targets.boxes[0].tolist() == [0, 0, 40, 60]  # the left half, score 0.75
    assert dataset[1].targets is not None
    assert dataset[1].targets.num_objects == 0


def test_images_without_objects_can_be_left_out(store: SimpleNamespace) -> None:
    dataset = click_dataset(store, DatasetConfig(keep_empty=False, augment=AUGMENT))
    assert [dataset[i].image_id for i in range(len(dataset))] == [5]


def test_objects_without_proposals_are_left_out(store: SimpleNamespace) -> None:
    none = Proposals((), np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())
    bare = StoredObject(
        Click(3, 5, 4, ((1.5, 1.5),)), none, np.zeros((0, 7, 7), np.uint8), np.zeros(0, bool)
    )
    store.objects_of_image(0).append(bare)
    bags = click_dataset(store)[0].bags
    assert bags is not None
    assert bags.annotation_ids.tolist() == [1, 2]


def test_views_depend_on_seed_epoch_and_index(store: SimpleNamespace) -> None:
    first = views(click_dataset(store), 8)
    assert first == views(click_dataset(store), 8)
    assert len({(view.input_size, view.flip) for view in first}) > 4
    other_seed = DatasetConfig(seed=1, augment=AUGMENT)
    assert first != views(click_dataset(store, other_seed), 8)


def test_an_epoch_does_not_depend_on_what_was_read_before(store: SimpleNamespace) -> None:
    dataset = click_dataset(store)
    for index in (1, 0, 0):
        dataset[index]
    dataset.set_epoch(3)
    resumed = click_dataset(store)
    resumed.set_epoch(3)
    assert_equal(dataset[0], resumed[0])


def test_evaluation_has_no_chance(store: SimpleNamespace) -> None:
    cfg = DatasetConfig(max_objects=1, augment=AUGMENT)
    dataset = click_dataset(store, cfg, train=False)
    before = dataset[0]
    dataset.set_epoch(5)
    assert_equal(before, dataset[0])
    assert before.bags is not None
    assert before.bags.num_objects == 2  # the limit is for training


def assert_left_out(sample: Sample, label: int) -> None:
    """The one other object is a region to ignore, and its image stays complete."""
    assert sample.gaps is not None
    assert sample.gaps.labels.tolist() == [label]
    assert sample.gaps.masks.sum() > 0
    assert not sample.gaps.partial.any()


def test_limit_of_objects_is_a_random_subset(store: SimpleNamespace) -> None:
    dataset = click_dataset(store, DatasetConfig(max_objects=1, augment=AUGMENT))
    seen = set()
    for epoch in range(20):
        dataset.set_epoch(epoch)
        bags = dataset[0].bags
        assert bags is not None
        assert bags.num_objects == 1
        assert_left_out(dataset[0], 1 - int(bags.labels[0]))
        seen.add((int(bags.annotation_ids[0]), int(bags.labels[0])))
    assert seen == {(1, 1), (2, 0)}


def test_image_of_another_size_is_named(store: SimpleNamespace) -> None:
    Image.new("L", (41, 30)).save(store.folder / "a.png")
    message = r"a\.png: expected 40 x 30 px as listed, found 41 x 30 px"
    with pytest.raises(ValueError, match=message):
        click_dataset(store)[0]


@pytest.mark.parametrize("fields", [{"supervision": "masks"}, {"seed": -1}, {"max_objects": 0}])
def test_senseless_settings(fields: dict) -> None:
    with pytest.raises(ValueError, match="DatasetConfig"):
        DatasetConfig(**fields)


@pytest.fixture
def instances() -> InstanceSet:
    """Image 5: a rectangle, a crowd and a mask without a pixel; image 6: nothing."""
    masks = np.zeros((3, 30, 40), np.uint8)
    masks[0, 10:20, 4:14] = 1
    masks[1] = 1
    image = ImageRecord(5, "a.png", 40, 30)
    return InstanceSet(
        images=(image, ImageRecord(6, "b.png", 40, 30)),
        categories=(Category(4, "cat"), Category(9, "dog")),
        instances=tuple(
            Instance(n, image, 9, n == 1, segmentation=rle, source=Path("truth.json"))
            for n, rle in enumerate(encode_masks(masks))
        ),
    )


def test_masks(store: SimpleNamespace, instances: InstanceSet) -> None:
    dataset = MaskDataset(store.folder, instances, CFG, train=False)
    sample = dataset[0]
    assert sample.bags is None
    assert sample.targets is not None
    assert sample.targets.labels.tolist() == [1]
    assert sample.targets.boxes.tolist() == [[8, 20, 28, 40]]
    assert sample.targets.masks.sum() == 25
    empty = dataset[1].targets
    assert empty is not None
    assert empty.num_objects == 0


def test_masks_in_training(store: SimpleNamespace, instances: InstanceSet) -> None:
    cfg = DatasetConfig(keep_empty=False, max_objects=1, augment=AUGMENT)
    dataset = MaskDataset(store.folder, instances, cfg, train=True)
    assert len(dataset) == 1
    found = views(dataset, 8)
    assert found == views(MaskDataset(store.folder, instances, cfg, train=True), 8)
    assert len(set(found)) > 3


def test_masks_beyond_the_limit_are_left_out(store: SimpleNamespace) -> None:
    masks = np.zeros((2, 30, 40), np.uint8)
    masks[0, 4:16, 4:16] = masks[1, 20:, 28:] = 1
    image = ImageRecord(5, "a.png", 40, 30)
    instances = InstanceSet(
        images=(image,),
        categories=(Category(4, "cat"), Category(9, "dog")),
        instances=tuple(
            Instance(n, image, (4, 9)[n], False, segmentation=rle, source=Path("truth.json"))
            for n, rle in enumerate(encode_masks(masks))
        ),
    )
    cfg = DatasetConfig(max_objects=1, augment=AUGMENT)
    dataset = MaskDataset(store.folder, instances, cfg, train=True)
    learned = set()
    for epoch in range(20):
        dataset.set_epoch(epoch)
        sample = dataset[0]
        assert sample.targets is not None
        (label,) = sample.targets.labels.tolist()
        assert_left_out(sample, 1 - label)
        assert sample.gaps is not None
        assert not (sample.gaps.masks[0] & sample.targets.masks[0]).any()
        learned.add(label)
    assert learned == {0, 1}
    assert MaskDataset(store.folder, instances, CFG, train=True)[0].gaps is None


def test_images(store: SimpleNamespace) -> None:
    paths = [store.folder / "b.png", str(store.folder / "a.png")]
    dataset = ImageDataset(paths, AUGMENT)
    assert [dataset[i].image_id for i in range(len(dataset))] == [0, 1]
    sample = ImageDataset(paths, AUGMENT, image_ids=[60, 50])[0]
    assert sample.image_id == 60
    assert sample.view.original_size == (30, 40)
    assert (sample.bags, sample.targets) == (None, None)
    assert len(ImageDataset([], AUGMENT)) == 0
    with pytest.raises(ValueError, match="found 1 ids for 2 files"):
        ImageDataset(paths, AUGMENT, image_ids=[1])
