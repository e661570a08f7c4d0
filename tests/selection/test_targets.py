from collections.abc import Callable
from dataclasses import replace

import torch

from sapnet.selection.config import MultiMaskConfig, SelectionConfig, paper_selection
from sapnet.selection.scoring import bag_membership
from sapnet.selection.targets import instance_targets, keep_labels
from sapnet.structures.batch import Bags
from sapnet.structures.outputs import Selection

MakeBags = Callable[..., Bags]


def select_first(bags: Bags, cfg: SelectionConfig) -> Selection:
    scores = torch.linspace(1, 0.1, bags.num_proposals).expand(bags.valid.shape)
    members = bag_membership(bags, cfg).members
    index = torch.zeros(bags.num_objects, dtype=torch.int64)
    return Selection(index, bags.boxes[:, 0], scores, scores[:, None], members, {})


def test_chosen_and_ranked_masks(make_bags: MakeBags) -> None:
    bags = make_bags(1, 6)
    cfg = paper_selection()
    targets = instance_targets(bags, select_first(bags, cfg), cfg)
    assert torch.equal(targets.masks, bags.masks[:, 0])
    assert torch.equal(targets.ranked_masks, bags.masks[:, [1, 5, 3]])  # best, worst, middle
    assert targets.ranked_valid.all()
    assert torch.equal(targets.labels, bags.labels)


def test_rivals_are_no_runners_up(make_bags: MakeBags) -> None:
    bags = make_bags(1, 4)
    bags = replace(bags, holds_rival=torch.tensor([[False, True, False, False]]))
    cfg = SelectionConfig()
    targets = instance_targets(bags, select_first(bags, cfg), cfg)
    assert torch.equal(targets.ranked_masks[:, :2], bags.masks[:, [2, 3]])
    assert targets.ranked_valid.tolist() == [[True, True, False]]


def test_without_runners_up(make_bags: MakeBags) -> None:
    bags = make_bags(3, 4)
    cfg = SelectionConfig(multi_mask=MultiMaskConfig(enabled=False))
    targets = instance_targets(bags, select_first(bags, cfg), cfg)
    assert targets.ranked_masks.shape == (3, 0, *bags.masks.shape[2:])
    one = make_bags(3, 1)
    assert instance_targets(one, select_first(one, cfg), cfg).ranked_valid.shape == (3, 0)


def test_kept_labels_replace_the_choice(make_bags: MakeBags) -> None:
    bags, cfg = make_bags(3, 4), SelectionConfig()
    selection = replace(select_first(bags, cfg), boxes=torch.full((3, 4), 9.0))
    found = keep_labels(bags, selection, torch.tensor([2, -1, 0]))
    assert found.index.tolist() == [2, 0, 0]
    expected = torch.stack([bags.boxes[0, 2], torch.full((4,), 9.0), bags.boxes[2, 0]])
    assert torch.equal(found.boxes, expected)
    targets = instance_targets(bags, found, cfg)
    assert torch.equal(targets.masks, bags.masks[torch.arange(3), found.index])


def test_empty(make_bags: MakeBags) -> None:
    for num_proposals in (0, 4):
        bags = make_bags(0, num_proposals)
        selection = Selection(
            index=torch.zeros(0, dtype=torch.int64),
            boxes=torch.zeros(0, 4),
            scores=torch.zeros(0, num_proposals),
            stage_scores=torch.zeros(0, 2, num_proposals),
            members=torch.zeros(0, num_proposals, dtype=torch.bool),
            losses={},
        )
        assert instance_targets(bags, selection, SelectionConfig()).num_objects == 0
