from collections.abc import Callable

import torch
from torch import Tensor

from sapnet.selection.config import NegativesConfig, PositivesConfig
from sapnet.selection.enrichment import (
    Choice,
    choose_proposals,
    sample_negatives,
    sample_positives,
)
from sapnet.selection.features import crop_in_boxes
from sapnet.structures.batch import Bags

MakeBags = Callable[..., Bags]

SIZES = torch.tensor([[128, 128], [120, 100]])


def first_choice(bags: Bags) -> Choice:
    scores = torch.zeros(bags.valid.shape)
    scores[:, :1] = 1
    return choose_proposals(bags, scores, bags.valid, torch.ones(bags.valid.shape), top_k=1)


def test_choice_belongs_to_one_proposal(make_bags: MakeBags) -> None:
    bags = make_bags(5, 3)
    scores = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    guidance = torch.rand(5, 3)
    choice = choose_proposals(bags, scores, bags.valid, guidance, top_k=1)
    rows, index = torch.arange(5), scores.masked_fill(~bags.valid, -1).argmax(1)
    assert torch.equal(choice.boxes, bags.boxes[rows, index])
    assert torch.equal(choice.crop_boxes, choice.boxes)
    assert torch.equal(choice.crops, bags.mask_crops[rows, index])
    assert torch.equal(choice.own_scores, bags.own_scores[rows, index])
    assert torch.equal(choice.guidance, guidance[rows, index])


def test_mean_box_keeps_the_crop_of_the_best(make_bags: MakeBags) -> None:
    bags = make_bags(1, 3)
    scores = torch.tensor([[0.2, 0.5, 0.3]])
    choice = choose_proposals(bags, scores, bags.valid, torch.ones(1, 3), top_k=2)
    assert torch.equal(choice.crop_boxes, bags.boxes[:, 1])
    assert not torch.equal(choice.boxes, choice.crop_boxes)


def test_positives_stay_in_their_image_and_see_the_mask(make_bags: MakeBags) -> None:
    bags = make_bags(6, 2)
    choice = first_choice(bags)
    sizes = SIZES[bags.image_index]
    positives = sample_positives(choice, sizes, PositivesConfig(lone=(0.0, 3.0), crowded=(0, 0)))
    limits = sizes.flip(1)[:, None]
    assert (positives.boxes[..., 2:] <= limits).all()
    assert positives.boxes.min() >= 0
    inside = (choice.boxes[:, 2:] <= limits[:, 0]).all(1)  # unmoved by clipping
    assert inside.any()
    torch.testing.assert_close(positives.crops[inside, 0], choice.crops[inside])
    expected = crop_in_boxes(choice.crops, choice.crop_boxes, positives.boxes)
    assert torch.equal(positives.crops, expected)


def test_disabled_positives(make_bags: MakeBags) -> None:
    choice = first_choice(make_bags(4, 2))
    positives = sample_positives(choice, SIZES[[0, 0, 1, 1]], PositivesConfig(enabled=False))
    assert positives.boxes.shape == (4, 0, 4)
    assert positives.crops.shape == (4, 0, 7, 7)


def draw(bags: Bags, cfg: NegativesConfig, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    found = sample_negatives(bags, bags.boxes, first_choice(bags), SIZES, cfg, generator)
    return found.boxes, found.crops, found.image_index


def test_negatives_are_repeatable_and_flat(make_bags: MakeBags) -> None:
    bags = make_bags(5, 3)
    cfg = NegativesConfig(num_random=40, num_parts=3)
    boxes, crops, image_index = draw(bags, cfg)
    assert boxes.shape == (len(image_index), 4)
    assert crops.shape == (len(image_index), 7, 7)
    assert 0 < len(boxes) <= 2 * 40 + 5 * 3
    assert all(torch.equal(a, b) for a, b in zip(draw(bags, cfg), draw(bags, cfg), strict=True))
    assert not torch.equal(draw(bags, cfg, seed=1)[0][:5], boxes[:5])


def test_background_borrows_crops_of_valid_proposals(make_bags: MakeBags) -> None:
    bags = make_bags(5, 3)
    _, crops, _ = draw(bags, NegativesConfig(num_random=60, num_parts=0))
    proposals = bags.mask_crops[bags.valid]
    matches = (crops[:, None] == proposals).all(-1).all(-1)
    assert (matches.sum(1) == 1).all()
    assert matches.any(0).all()  # each proposal lends its crop some time


def test_parts_lie_in_the_selected_box_of_their_image(make_bags: MakeBags) -> None:
    bags = make_bags(5, 3)
    boxes, crops, image_index = draw(bags, NegativesConfig(num_random=0, num_parts=20))
    selected = bags.boxes[:, 0]
    inside = (boxes[:, None, :2] >= selected[:, :2] - 1e-3) & (
        boxes[:, None, 2:] <= selected[:, 2:] + 1e-3
    )
    same_image = image_index[:, None] == bags.image_index
    assert len(boxes) > 5
    assert (inside.all(-1) & same_image).any(1).all()
    assert (crops.flatten(1).amax(1) > 0).all()


def test_small_objects_have_no_parts_at_any_input_size(make_bags: MakeBags) -> None:
    bags = make_bags(5, 3)
    sides = (bags.boxes[:, 0, 2:] - bags.boxes[:, 0, :2]).prod(1).sqrt()
    too_large = float(sides.max()) / 100 + 0.01  # short side of the smaller image
    for fraction, expected in ((0.0, True), (too_large, False)):
        cfg = NegativesConfig(num_random=0, num_parts=20, min_part_side=fraction)
        assert (len(draw(bags, cfg)[0]) > 0) is expected


def test_no_objects_leave_background_with_full_crops(make_bags: MakeBags) -> None:
    boxes, crops, image_index = draw(make_bags(0, 3), NegativesConfig(num_random=4))
    assert boxes.shape == (8, 4)
    assert (crops == 1).all()
    assert image_index.tolist() == [0] * 4 + [1] * 4
