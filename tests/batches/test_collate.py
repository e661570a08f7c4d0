from dataclasses import fields
from types import SimpleNamespace

import pytest
import torch

from sapnet.batches.augment import view_image
from sapnet.batches.collate import collate
from sapnet.batches.sample import Sample, View
from sapnet.batches.supervision import make_bags, make_targets, top_proposals
from sapnet.data.images import load_image

SMALL = View((30, 40), (30, 40), (32, 64))
LARGE = View((30, 40), (60, 80), (64, 96), flip=True)


def sample(store: SimpleNamespace, view: View, objects: list, image_id: int = 5) -> Sample:
    image = view_image(load_image(store.folder / "a.png"), view)
    labels = [1, 0][: len(objects)]
    return Sample(image, view, image_id, bags=make_bags(objects, labels, view))


def test_images_are_padded_to_the_largest(store: SimpleNamespace) -> None:
    tall = View((30, 40), (90, 40), (96, 64))
    samples = [sample(store, view, []) for view in (SMALL, LARGE, tall)]
    batch = collate(samples)
    assert batch.images.shape == (3, 3, 96, 96)
    assert batch.image_sizes.tolist() == [[30, 40], [60, 80], [90, 40]]
    assert batch.original_sizes.tolist() == [[30, 40]] * 3
    for image, one in zip(batch.images, samples, strict=True):
        _, height, width = one.image.shape
        assert torch.equal(image[:, :height, :width], one.image)
        assert image[:, height:].sum() + image[:, :, width:].sum() == 0


def test_bags_are_joined(store: SimpleNamespace) -> None:
    two, one = store.objects_of_image(0)
    samples = [
        sample(store, SMALL, [one]),
        sample(store, SMALL, [], 6),
        sample(store, LARGE, [two, one], 7),
    ]
    batch = collate(samples)
    bags = batch.bags
    assert bags is not None
    assert batch.targets is None
    assert batch.image_ids.tolist() == [5, 6, 7]
    assert bags.image_index.tolist() == [0, 2, 2]
    assert bags.image_index.dtype == torch.int64
    assert bags.valid.tolist() == [[True, False], [True, True], [True, False]]
    assert bags.masks.shape == (3, 2, 16, 24)
    first, last = samples[0].bags, samples[2].bags
    assert first is not None
    assert last is not None
    assert torch.equal(bags.masks[0, :1, :8, :16], first.masks[0])
    assert bags.masks[0].sum() == first.masks.sum()
    for field in fields(bags):
        if field.name not in ("masks", "image_index"):
            joined = getattr(bags, field.name)
            assert torch.equal(joined[1:], getattr(last, field.name))
            assert joined.dtype == getattr(first, field.name).dtype


def test_targets_are_joined(store: SimpleNamespace) -> None:
    objects = store.objects_of_image(0)
    rles = top_proposals(objects)
    image = torch.zeros(3, 32, 64, dtype=torch.uint8)
    samples = [
        Sample(image, SMALL, 5, targets=make_targets(rles, [1, 0], SMALL)),
        Sample(image, SMALL, 6, targets=make_targets([], [], SMALL)),
        Sample(torch.zeros(3, 64, 96, dtype=torch.uint8), LARGE, 7,
               targets=make_targets(rles[1:], [0], LARGE)),
    ]  # fmt: skip
    targets = collate(samples).targets
    assert targets is not None
    assert targets.image_index.tolist() == [0, 0, 2]
    assert targets.labels.tolist() == [1, 0, 0]
    assert targets.masks.shape == (3, 16, 24)
    assert targets.ranked_masks.shape == (3, 0, 16, 24)
    assert samples[2].targets is not None
    assert torch.equal(targets.masks[2], samples[2].targets.masks[0])


def test_batch_without_objects(store: SimpleNamespace) -> None:
    bags = collate([sample(store, SMALL, []), sample(store, LARGE, [])]).bags
    assert bags is not None
    assert (bags.num_objects, bags.num_proposals) == (0, 1)
    assert bags.masks.shape == (0, 1, 16, 24)


def test_images_alone() -> None:
    batch = collate([Sample(torch.zeros(3, 32, 64, dtype=torch.uint8), SMALL, 5)])
    assert (batch.bags, batch.targets) == (None, None)


def test_what_cannot_be_joined(store: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        collate([])
    alone = Sample(torch.zeros(3, 32, 64, dtype=torch.uint8), SMALL, 5)
    with pytest.raises(ValueError, match="found 1 with bags and 0 with targets among 2"):
        collate([sample(store, SMALL, []), alone])
