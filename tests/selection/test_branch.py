from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sapnet.selection.branch import Inputs, SelectionBranch
from sapnet.selection.choosing import best_index
from sapnet.selection.config import (
    ConsensusConfig,
    GuidanceConfig,
    MiningConfig,
    NegativesConfig,
    PositivesConfig,
    SelectionConfig,
    paper_selection,
)
from sapnet.selection.scoring import bag_membership
from sapnet.structures.batch import Bags
from sapnet.structures.outputs import Selection

MakeBags = Callable[..., Bags]
MakeFeatures = Callable[..., list[Tensor]]

SIZES = torch.tensor([[128, 128], [120, 128]])
NUM_CLASSES = 3
SMALL = {"hidden_channels": 16}
LOSSES = ["loss_selection", "loss_refinement_positive", "loss_refinement_negative"]


def build(cfg: SelectionConfig, channels: int = 4) -> SelectionBranch:
    torch.manual_seed(0)
    return SelectionBranch(NUM_CLASSES, channels, cfg)


def run(branch: SelectionBranch, features: list[Tensor], bags: Bags, seed: int = 0) -> Selection:
    selection: Selection = branch(features, bags, SIZES, torch.Generator().manual_seed(seed))
    return selection


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (1, 1), (5, 2), (7, 6)])
@pytest.mark.parametrize(
    "cfg",
    [
        SelectionConfig(**SMALL),
        replace(paper_selection(), **SMALL),
        SelectionConfig(refinement=False, **SMALL),
        SelectionConfig(negatives=NegativesConfig(enabled=False), top_k=2, **SMALL),
        SelectionConfig(
            positives=PositivesConfig(enabled=False), mining=MiningConfig(enabled=False), **SMALL
        ),
    ],
    ids=["ours", "paper", "no-refinement", "no-negatives", "no-positives"],
)
def test_any_bag_trains_and_selects(
    make_bags: MakeBags, make_features: MakeFeatures, cfg: SelectionConfig, shape: tuple[int, int]
) -> None:
    branch, bags = build(cfg), make_bags(*shape)
    found = run(branch, make_features(), bags)
    expected = LOSSES[:1] if not cfg.refinement else LOSSES[: 2 + cfg.negatives.enabled]
    assert list(found.losses) == expected
    total = torch.stack(list(found.losses.values())).sum()
    assert total.isfinite()
    assert (total > 0) == (shape[0] > 0)
    total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in branch.parameters())
    assert bags.valid[torch.arange(shape[0]), found.index].all()
    assert found.boxes.shape == (shape[0], 4)
    assert found.scores.shape == shape
    assert (found.scores[~bags.valid] == 0).all()
    assert not found.scores.requires_grad


def test_evaluation_draws_nothing_and_has_no_losses(
    make_bags: MakeBags, make_features: MakeFeatures
) -> None:
    branch, bags = build(SelectionConfig(**SMALL)).eval(), make_bags(6, 4)
    state = torch.random.get_rng_state()
    first = branch(make_features(), bags, SIZES)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first.losses == {}
    second = run(branch.train(), make_features(), bags)
    assert torch.equal(first.index, second.index)
    torch.testing.assert_close(first.scores, second.scores)


def test_seed_decides_the_negatives_only(make_bags: MakeBags, make_features: MakeFeatures) -> None:
    branch, bags = build(SelectionConfig(**SMALL)), make_bags(6, 4)
    first, same = (run(branch, make_features(), bags, seed=1) for _ in range(2))
    other = run(branch, make_features(), bags, seed=2)
    for name in LOSSES[:2]:
        assert first.losses[name] == same.losses[name] == other.losses[name]
    assert first.losses[LOSSES[2]] == same.losses[LOSSES[2]] != other.losses[LOSSES[2]]


def test_padding_changes_nothing(make_bags: MakeBags, make_features: MakeFeatures) -> None:
    branch, bags = build(SelectionConfig(**SMALL)), make_bags(6, 4)

    def widen(values: Tensor) -> Tensor:
        return torch.cat([values, torch.zeros_like(values[:, :2])], 1)

    names = ("boxes", "valid", "mask_crops", "holds_rival", "box_iou", "own_scores", "masks")
    padded = replace(bags, **{name: widen(getattr(bags, name)) for name in names})
    expected, found = (run(branch, make_features(), b) for b in (bags, padded))
    assert torch.equal(found.index, expected.index)
    torch.testing.assert_close(found.boxes, expected.boxes)
    torch.testing.assert_close(found.scores[:, :4], expected.scores)
    for name in LOSSES:
        torch.testing.assert_close(found.losses[name], expected.losses[name])


def test_objects_of_other_images_change_nothing(
    make_bags: MakeBags, make_features: MakeFeatures
) -> None:
    branch, bags = build(SelectionConfig(**SMALL)).eval(), make_bags(8, 4, num_classes=1)
    half = {name: getattr(bags, name)[4:] for name in bags.__dataclass_fields__}
    whole = run(branch, make_features(), bags)
    part = run(branch, make_features(), Bags(**half))
    assert torch.equal(part.index, whole.index[4:])
    torch.testing.assert_close(part.boxes, whole.boxes[4:])


def test_rivals_are_not_chosen(make_bags: MakeBags, make_features: MakeFeatures) -> None:
    bags = make_bags(20, 5)
    rows = torch.arange(20)
    found = run(build(SelectionConfig(**SMALL)), make_features(), bags)
    could_avoid = (bags.valid & ~bags.holds_rival).any(1)
    assert not (bags.holds_rival[rows, found.index] & could_avoid).any()
    paper = run(build(replace(paper_selection(), **SMALL)), make_features(), bags)
    assert bags.holds_rival[rows, paper.index].any()


def test_rivals_vote_without_being_learned_from(
    make_bags: MakeBags, make_features: MakeFeatures
) -> None:
    """Three masks: a part, the whole, and the whole with a neighbour, which holds a rival."""
    bags = make_bags(4, 3)
    cells = torch.arange(bags.masks[0, 0].numel()).view(bags.masks.shape[2:])
    nested = torch.stack([cells < count for count in (40, 90, 130)]).to(torch.uint8)
    bags = replace(
        bags,
        masks=nested.expand(4, 3, -1, -1).contiguous(),
        valid=torch.ones(4, 3, dtype=torch.bool),
        holds_rival=torch.tensor([False, False, True]).expand(4, 3),
    )
    # With equal weights the part and the whole agree equally, but for the group's vote.
    cfg = SelectionConfig(**SMALL, consensus=ConsensusConfig(power=0))
    branch = build(cfg)
    assert run(branch.eval(), make_features(), bags).index.tolist() == [1] * 4
    found = run(branch.train(), make_features(), bags)
    alone = {n: getattr(bags, n) for n in bags.__dataclass_fields__}
    for name in ("boxes", "valid", "mask_crops", "holds_rival", "box_iou", "own_scores", "masks"):
        alone[name] = alone[name][:, :2]
    without = run(branch, make_features(), Bags(**alone))
    torch.testing.assert_close(found.losses["loss_selection"], without.losses["loss_selection"])


def test_the_proposer_decides_while_nothing_is_learned(
    make_bags: MakeBags, make_features: MakeFeatures
) -> None:
    """Among the masks without a rival click; those with one neither win nor vote."""
    bags = make_bags(20, 5)
    cfg = SelectionConfig(**SMALL, consensus=ConsensusConfig(prior_power=200.0))
    found = run(build(cfg), make_features(), bags)
    members = bag_membership(bags, cfg).members
    assert found.index.tolist() == best_index(bags.own_scores, members).tolist()
    assert (bags.own_scores.argmax(1) != found.index).any()


@pytest.mark.parametrize(("num_classes", "prior_power"), [(1, None), (3, 200.0)])
def test_positives_lie_round_the_choice_by_consensus(
    make_bags: MakeBags, make_features: MakeFeatures, num_classes: int, prior_power: float | None
) -> None:
    bags = make_bags(12, 5, num_classes=num_classes)
    cfg = SelectionConfig(**SMALL, consensus=ConsensusConfig(prior_power=prior_power))
    torch.manual_seed(0)
    branch = SelectionBranch(num_classes, 4, cfg)
    inputs = Inputs(make_features(), bags, SIZES, bag_membership(bags, cfg))
    second = branch.refine(inputs, branch.select(inputs))
    alone = SelectionBranch(num_classes, 4, replace(cfg, refinement=False))
    alone.load_state_dict(branch.state_dict(), strict=False)
    expected = run(alone.eval(), make_features(), bags).boxes
    assert torch.equal(second.choice.boxes, expected)


def test_own_score_decides_only_where_asked(
    make_bags: MakeBags, make_features: MakeFeatures
) -> None:
    bags = replace(make_bags(1, 3), own_scores=torch.tensor([[0.5, 0.1, 0.9]]))
    features = [torch.zeros_like(level) for level in make_features()]
    plain = replace(
        paper_selection(), refinement=False, guidance=GuidanceConfig(enabled=False), **SMALL
    )
    assert run(build(plain), features, bags).index.tolist() == [0]
    powered = run(build(replace(plain, own_score_power=8.0)), features, bags)
    assert powered.index.tolist() == [2]
    unweighted = run(build(plain), features, bags)
    assert powered.losses == unweighted.losses


def test_each_switch_is_felt(make_bags: MakeBags, make_features: MakeFeatures) -> None:
    """Every field of the configuration changes a loss or the selection."""
    bags, features = make_bags(12, 5, num_classes=1), make_features()
    base = replace(paper_selection(), **SMALL)
    changes: dict[str, SelectionConfig] = {
        "guidance": replace(base, guidance=GuidanceConfig(enabled=False)),
        "overlap": replace(base, guidance=GuidanceConfig(overlap="point")),
        "positives": replace(base, positives=PositivesConfig(enabled=False)),
        "negatives": replace(base, negatives=NegativesConfig(num_random=50)),
        "parts": replace(base, negatives=NegativesConfig(num_parts=4)),
        "mining": replace(base, mining=MiningConfig(enabled=False)),
        "mask_crops": replace(base, mask_crops=True),
        "exclude_rivals": replace(base, exclude_rivals=True),
        "top_k": replace(base, top_k=3),
        "sampling_ratio": replace(base, sampling_ratio=1),
        "selection_weight": replace(base, selection_weight=0.5),
        "refinement_alpha": replace(base, refinement_alpha=0.5),
    }
    expected = run(build(base), features, bags)
    for name, cfg in changes.items():
        found = run(build(cfg), features, bags)
        same = all(bool(found.losses[key] == expected.losses[key]) for key in LOSSES)
        assert not (same and torch.equal(found.boxes, expected.boxes)), name


def test_learns_to_choose_the_class_it_is_told(make_features: MakeFeatures) -> None:
    """Three squares with one feature each; each click's bag holds its own square and a blank."""
    features = [torch.zeros_like(level) for level in make_features()]
    corners = torch.tensor([[8.0, 8], [72, 8], [8, 72]])
    squares = torch.cat([corners, corners + 40], 1)
    for level, feature in enumerate(features[:2]):
        for n, (x1, y1, x2, y2) in enumerate((squares / (4 * 2**level)).long().tolist()):
            feature[0, n, y1:y2, x1:x2] = 1
    blank = torch.tensor([[80.0, 80, 120, 120]]).expand(3, 4)
    shape = (3, 2)
    bags = Bags(
        boxes=torch.stack([blank, squares], 1),
        valid=torch.ones(shape, dtype=torch.bool),
        mask_crops=torch.ones(*shape, 7, 7),
        holds_rival=torch.zeros(shape, dtype=torch.bool),
        box_iou=torch.ones(shape),
        own_scores=torch.ones(shape),
        masks=torch.zeros(*shape, 32, 32, dtype=torch.uint8),
        labels=torch.arange(3),
        points=squares[:, :2] + 20,
        image_index=torch.zeros(3, dtype=torch.int64),
        annotation_ids=torch.arange(3),
    )
    branch = build(SelectionConfig(negatives=NegativesConfig(num_random=16), **SMALL))
    optimiser = torch.optim.Adam(branch.parameters(), lr=3e-3)
    history = []
    for _ in range(60):
        losses = run(branch, features, bags).losses
        total = torch.stack(list(losses.values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        history.append(float(total.detach()))
    assert history[-1] < 0.2 * history[0]
    assert run(branch.eval(), features, bags).index.tolist() == [1, 1, 1]


def test_one_class_learns_object_from_background(make_features: MakeFeatures) -> None:
    """Each bag holds a blank and a square; blanks and squares look alike in all bags.

    With a softmax over one class, neither of the two stands out in the first stage.
    """
    features = [torch.zeros_like(level) for level in make_features()]
    corners = torch.tensor([[8.0, 8], [72, 8], [8, 72]])
    squares = torch.cat([corners, corners + 40], 1)
    for level, feature in enumerate(features[:2]):
        for x1, y1, x2, y2 in (squares / (4 * 2**level)).long().tolist():
            feature[0, 0, y1:y2, x1:x2] = 1
    blank = torch.tensor([[80.0, 80, 120, 120]]).expand(3, 4)
    shape = (3, 2)
    bags = Bags(
        boxes=torch.stack([blank, squares], 1),
        valid=torch.ones(shape, dtype=torch.bool),
        mask_crops=torch.ones(*shape, 7, 7),
        holds_rival=torch.zeros(shape, dtype=torch.bool),
        box_iou=torch.ones(shape),
        own_scores=torch.ones(shape),
        masks=torch.zeros(*shape, 32, 32, dtype=torch.uint8),
        labels=torch.zeros(3, dtype=torch.int64),
        points=squares[:, :2] + 20,
        image_index=torch.zeros(3, dtype=torch.int64),
        annotation_ids=torch.arange(3),
    )
    torch.manual_seed(0)
    negatives = NegativesConfig(num_random=64)
    branch = SelectionBranch(1, 4, SelectionConfig(negatives=negatives, **SMALL))
    optimiser = torch.optim.Adam(branch.parameters(), lr=3e-3)
    for step in range(60):
        losses = run(branch, features, bags, seed=step).losses
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
    assert list(losses) == [*LOSSES, "loss_selection_negative"]
    scores = run(branch.eval(), features, bags).stage_scores[:, 0]
    assert (scores[:, 1] > 2 * scores[:, 0]).all()


@pytest.mark.parametrize("method", ["sapnet+", "paper"])
def test_one_class_needs_no_second_stage_for_its_negatives(
    make_bags: MakeBags, make_features: MakeFeatures, method: str
) -> None:
    base = SelectionConfig() if method == "sapnet+" else paper_selection()
    bags = make_bags(5, 4, num_classes=1)
    for negatives in (True, False):
        cfg = replace(base, refinement=False, negatives=NegativesConfig(enabled=negatives), **SMALL)
        found = run(SelectionBranch(1, 4, cfg), make_features(), bags)
        assert list(found.losses) == ["loss_selection", "loss_selection_negative"][: 1 + negatives]
        assert torch.stack(list(found.losses.values())).sum() > 0


def test_autocast_selects_alike(make_bags: MakeBags, make_features: MakeFeatures) -> None:
    branch, bags = build(SelectionConfig(**SMALL)), make_bags(6, 4)
    expected = run(branch, make_features(), bags)
    with torch.autocast("cpu", torch.bfloat16):
        found = run(branch, make_features(), bags)
    for name in LOSSES:
        assert found.losses[name].dtype == torch.float32
        torch.testing.assert_close(found.losses[name], expected.losses[name], rtol=0.05, atol=0.01)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_equals_cpu(make_bags: MakeBags, make_features: MakeFeatures) -> None:
    branch, bags = build(SelectionConfig(**SMALL)), make_bags(12, 5)
    expected = run(branch, make_features(), bags)
    features = [level.cuda() for level in make_features()]
    generator = torch.Generator().manual_seed(0)
    found = branch.cuda()(features, bags.to("cuda"), SIZES.cuda(), generator)
    assert torch.equal(found.index.cpu(), expected.index)
    for name in LOSSES:
        torch.testing.assert_close(
            found.losses[name].cpu(), expected.losses[name], rtol=1e-3, atol=1e-4
        )
