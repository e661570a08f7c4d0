"""The two stages against the same maths written out for one click at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
import torch

from sapnet.enhancement.bags import anchor_boxes, jittered_boxes
from sapnet.enhancement.click_batch import ClickBatch
from sapnet.enhancement.enhancer import Enhancer

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.enhancement.config import EnhancerConfig
    from sapnet.selection.heads import MilHead


def make_batch(points: list[list[float]], labels: list[int], images: list[int]) -> ClickBatch:
    """Clicks on two random images of 64 px, the second one of 48 px content."""
    draw = torch.Generator().manual_seed(0)
    return ClickBatch(
        images=torch.randint(0, 256, (2, 3, 64, 64), generator=draw, dtype=torch.uint8),
        image_sizes=torch.tensor([[64, 64], [48, 64]]),
        original_sizes=torch.tensor([[128, 128], [96, 128]]),
        points=torch.tensor(points).reshape(-1, 2),
        labels=torch.tensor(labels, dtype=torch.int64),
        image_index=torch.tensor(images, dtype=torch.int64),
        annotation_ids=torch.arange(len(labels)),
    )


@pytest.fixture
def batch() -> ClickBatch:
    return make_batch(
        [[20.0, 30.0], [28.0, 34.0], [60.0, 3.0], [30.0, 40.0]], [0, 0, 1, 2], [0, 0, 0, 1]
    )


@pytest.fixture
def model(tiny_enhancer: EnhancerConfig) -> Enhancer:
    torch.manual_seed(0)
    model = Enhancer(3, tiny_enhancer)
    with torch.no_grad():  # scores that differ, where fresh heads give all boxes nearly the same
        for head in (model.coarse, model.refinement):
            for layer in (head.classes, head.instances):
                layer.weight.normal_(std=1.0)
    return model.eval()


def encode(model: Enhancer, batch: ClickBatch, boxes: Tensor, image: int) -> Tensor:
    named = {str(i): f for i, f in enumerate(model.backbone(batch.images))}
    features = list(model.fpn(named).values())
    index = torch.full((len(boxes),), image)
    hidden: Tensor = model.encoder(features, boxes, index, boxes.new_empty(len(boxes), 0))
    return hidden


def merged(boxes: Tensor, scores: Tensor, allowed: Tensor, top_k: int) -> Tensor:
    ranked = sorted(((float(s), k) for k, s in enumerate(scores) if allowed[k]), reverse=True)
    best = ranked[:top_k]
    total = sum(score for score, _ in best)
    return sum((score / total * boxes[k] for score, k in best), torch.zeros(4))


@torch.no_grad()
def one_by_one(model: Enhancer, batch: ClickBatch, n: int) -> tuple[Tensor, float]:
    """Box and score of click n, written out."""
    label, image = int(batch.labels[n]), int(batch.image_index[n])
    size, point = batch.image_sizes[image][None], batch.points[n]

    def allowed(boxes: Tensor, rivals: bool) -> Tensor:
        def holds(other: Tensor) -> Tensor:
            return ((boxes[:, :2] < other) & (other < boxes[:, 2:])).all(1)

        fit, free = holds(point), holds(point)
        for j in range(len(batch.labels)):
            is_rival = batch.labels[j] == label and batch.image_index[j] == image
            if rivals and j != n and is_rival:
                free = free & ~holds(batch.points[j])
        return free if free.any() else fit

    def best(boxes: Tensor, fit: Tensor, head: MilHead, *, coarse: bool) -> Tensor:
        hidden = encode(model, batch, boxes, image)
        logits = head.classes(hidden)
        classes = (logits.softmax(1) if coarse else logits.sigmoid())[:, label]
        instances = head.instances(hidden)[:, label].masked_fill(~fit, -torch.inf)
        return merged(boxes, classes * instances.softmax(0), fit, model.cfg.top_k)

    def widest(boxes: Tensor) -> Tensor:
        hidden = encode(model, batch, boxes, image)
        classes = model.refinement.classes(hidden).sigmoid()[:, label]
        sides = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
        extents = (sides / min(size[0].tolist())) ** model.cfg.extent_power
        return merged(boxes, classes * extents, allowed(boxes, rivals=True), model.cfg.top_k)

    anchors = anchor_boxes(point[None], size, model.cfg.anchors)[0]
    if model.cfg.choice == "p2bnet":
        box = best(anchors, allowed(anchors, rivals=True), model.coarse, coarse=True)
        jittered = jittered_boxes(box[None], size, model.cfg.jitter)[0]
        fit = allowed(jittered, rivals=False)
        box = best(jittered, fit, model.refinement, coarse=False)
    else:
        box = widest(anchors)
        box = widest(jittered_boxes(box[None], size, model.cfg.jitter)[0])
    score = model.refinement.classes(encode(model, batch, box[None], image)).sigmoid()[0, label]
    return box, float(score)


@pytest.mark.parametrize("choice", ["extent", "p2bnet"])
def test_boxes_and_scores_are_those_of_a_plain_loop(
    model: Enhancer, batch: ClickBatch, choice: Literal["extent", "p2bnet"]
) -> None:
    model.cfg = replace(model.cfg, choice=choice)
    output = model.estimate(batch)
    for n in range(len(batch.labels)):
        box, score = one_by_one(model, batch, n)
        torch.testing.assert_close(output.boxes[n], box, rtol=1e-4, atol=1e-3)
        assert float(output.scores[n]) == pytest.approx(score, abs=1e-4)


def test_boxes_hold_their_click_and_stay_inside_the_image(
    model: Enhancer, batch: ClickBatch
) -> None:
    boxes = model.estimate(batch).boxes
    height, width = batch.image_sizes[batch.image_index].unbind(1)
    assert (boxes[:, :2] < batch.points).all()
    assert (batch.points < boxes[:, 2:]).all()
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= width).all()
    assert (boxes[:, 3] <= height).all()


def test_a_rival_click_keeps_large_boxes_out(model: Enhancer, batch: ClickBatch) -> None:
    free = Enhancer(3, replace(model.cfg, anchors=replace(model.cfg.anchors, exclude_rivals=False)))
    free.load_state_dict(model.state_dict())
    apart, together = model.estimate(batch).boxes, free.eval().estimate(batch).boxes
    assert not torch.equal(apart[:2], together[:2])  # two clicks of one category, close together
    torch.testing.assert_close(apart[2:], together[2:])  # without a rival


def test_a_higher_power_gives_larger_boxes(model: Enhancer, batch: ClickBatch) -> None:
    sides = []
    for power in (0.0, 1.0, 20.0):
        model.cfg = replace(model.cfg, extent_power=power)
        boxes = model.estimate(batch).boxes
        sides.append((boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt().mean())
    assert sides[0] < sides[1] < sides[2]


def test_every_loss_teaches(model: Enhancer, batch: ClickBatch) -> None:
    losses = model.train()(batch, torch.Generator().manual_seed(0))
    assert set(losses) == {"loss_coarse", "loss_positive", "loss_negative"}
    for name, loss in losses.items():
        model.zero_grad()
        loss.backward(retain_graph=True)
        head = model.coarse if name == "loss_coarse" else model.refinement
        assert head.classes.weight.grad is not None, name
        assert head.classes.weight.grad.abs().sum() > 0, name
        other = model.refinement if name == "loss_coarse" else model.coarse
        assert other.classes.weight.grad is None or not other.classes.weight.grad.any(), name


def test_negatives_depend_on_the_generator_alone(model: Enhancer, batch: ClickBatch) -> None:
    model.train()
    model.backbone.eval()
    first = model(batch, torch.Generator().manual_seed(1))["loss_negative"]
    torch.rand(100)
    again = model(batch, torch.Generator().manual_seed(1))["loss_negative"]
    other = model(batch, torch.Generator().manual_seed(2))["loss_negative"]
    torch.testing.assert_close(first, again)
    assert not torch.isclose(first, other)


def test_without_clicks_there_is_a_loss_of_zero(model: Enhancer) -> None:
    none = make_batch([], [], [])
    assert model.estimate(none).boxes.shape == (0, 4)
    losses = model.train()(none, torch.Generator().manual_seed(0))
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert total.item() == 0


def test_bags_as_published(tiny_enhancer: EnhancerConfig, batch: ClickBatch) -> None:
    """Boxes need not hold their click, and negatives are divided by the number of clicks."""
    cfg = replace(tiny_enhancer, bags="p2bnet", choice="p2bnet")
    torch.manual_seed(0)
    model = Enhancer(3, cfg).eval()
    sizes = batch.image_sizes[batch.image_index]
    anchors = model._anchors(batch, sizes)
    centers = (anchors[..., :2] + anchors[..., 2:]) / 2
    torch.testing.assert_close(centers, batch.points[:, None].expand_as(centers))
    far = torch.tensor([[0.0, 0, 10, 10], [40, 40, 60, 60], [-30, 0, 10, 10]])
    boxes = far.expand(4, 3, 4)
    # The last image is 48 px high: 40 % of the middle box lies in it.
    fit = [[True, True, False]] * 3 + [[True, False, False]]
    assert model._members(boxes, batch, without_rivals=False).tolist() == fit
    drawn = torch.tensor([[0.0, 0, 9, 9]] * 6)
    images, weights = torch.zeros(6, dtype=torch.int64), torch.ones(4)
    features = model._features(batch)
    published = model._negative_loss(features, drawn, images, weights)
    model.cfg = replace(cfg, bags="clicked")
    ours = model._negative_loss(features, drawn, images, weights)
    torch.testing.assert_close(published, ours * 6 / 4)
    model.cfg = cfg
    losses = model.train()(batch, torch.Generator().manual_seed(0))
    assert all(bool(loss.isfinite()) for loss in losses.values())
    assert model.eval().estimate(batch).boxes.shape == (4, 4)
