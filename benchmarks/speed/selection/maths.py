"""Selection maths of a batch, by the package and by a plain loop.

Guidance (PDG), positives (PPG), background and part negatives (NPG), box mining (BMS) and the way
back to a proposal, from given scores. Two settings: `released`, as in the authors' code (a rival is
met by its point, negatives keep clear of the original proposals), and `paper`, the default of this
package (a rival is met by its bag, negatives keep clear of the enriched bags of 26 boxes each).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from sapnet.selection.box_mining import mine_boxes
from sapnet.selection.choosing import boxes_to_proposals, choose_boxes, rank_proposals
from sapnet.selection.config import GuidanceConfig, MiningConfig, NegativesConfig, PositivesConfig
from sapnet.selection.enrichment import choose_proposals
from sapnet.selection.guidance import guide
from sapnet.selection.sampling import clip_boxes, jitter_boxes, sample_background, sample_parts
from sapnet.structures.batch import Bags
from sapnet.structures.grids import CROP_SIZE
from tests.support import plain_selection as plain

IMAGES, PROPOSALS, CLASSES = 4, 6, 80
HEIGHT, WIDTH = 800, 1088

SEED = 1
"""Seed of batches in which no choice depends on float32 rounding (the loop uses doubles)."""


@dataclass(frozen=True)
class Method:
    """Settings that differ between the methods."""

    guidance: GuidanceConfig
    clear_of_enriched: bool
    positives: PositivesConfig = field(default_factory=PositivesConfig)
    negatives: NegativesConfig = field(default_factory=NegativesConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)


METHODS = {
    "released": Method(GuidanceConfig(overlap="point", distance_power=0.5, exponent=1 / 64), False),
    "paper": Method(GuidanceConfig(), True),
}


@dataclass(frozen=True)
class Inputs:
    """Batch, with the values that the networks and the generator would give."""

    bags: Bags
    image_sizes: Tensor  # (B, 2)
    first_scores: Tensor  # (N, K)
    second_scores: Tensor  # (N, K + K')
    background: Tensor  # (B, R, 4) in [0, 1)
    parts: Tensor  # (N, Q, 4) in [0, 1)


@dataclass(frozen=True)
class Outputs:
    """Results of the maths for a batch."""

    guidance: Tensor  # (N, K)
    positives: Tensor  # (N, K', 4)
    background: Tensor  # (B, R, 4)
    is_background: Tensor  # (B, R)
    parts: Tensor  # (N, Q, 4)
    is_part: Tensor  # (N, Q)
    refined: Tensor  # (N, 4)
    index: Tensor  # (N,)


def make_inputs(num_objects: int, images: int = IMAGES, classes: int = CLASSES) -> Inputs:
    """Draw objects of 12 to 490 px with six nested proposals each; few classes are frequent."""
    generator = torch.Generator().manual_seed(SEED + num_objects)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    cfg = METHODS["paper"]
    shape = (num_objects, PROPOSALS)
    points = uniform(num_objects, 2) * torch.tensor([WIDTH, HEIGHT])
    sides = torch.exp(2.6 + 3.5 * uniform(num_objects, 1, 1) + uniform(num_objects, 1, 2) - 0.5)
    half = sides / 2 * (0.4 + 0.6 * uniform(*shape, 1)) * torch.exp(0.4 * uniform(*shape, 2) - 0.2)
    centers = points[:, None] + (uniform(*shape, 2) - 0.5) * half
    boxes = torch.cat([centers - half, centers + half], 2).clamp(min=0)
    boxes = torch.minimum(boxes, torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT]))
    bags = Bags(
        boxes=boxes,
        valid=torch.ones(shape, dtype=torch.bool),
        mask_crops=torch.ones(*shape, CROP_SIZE, CROP_SIZE),
        holds_rival=torch.zeros(shape, dtype=torch.bool),
        box_iou=torch.ones(shape),
        own_scores=torch.ones(shape),
        masks=torch.zeros(*shape, 1, 1, dtype=torch.uint8),
        labels=(classes ** uniform(num_objects) - 1).long(),
        points=points,
        image_index=torch.arange(num_objects) * images // max(1, num_objects),
        annotation_ids=torch.arange(num_objects),
    )
    return Inputs(
        bags=bags,
        image_sizes=torch.tensor([[HEIGHT, WIDTH]] * images),
        first_scores=uniform(*shape),
        second_scores=uniform(num_objects, PROPOSALS + len(cfg.positives.lone)),
        background=uniform(images, cfg.negatives.num_random, 4),
        parts=uniform(num_objects, cfg.negatives.num_parts, 5),
    )


def run_package(inputs: Inputs, method: Method) -> Outputs:
    """Call the package's functions as the selection branch does."""
    bags, cfg = inputs.bags, method.negatives
    guidance = guide(bags, method.guidance)
    choice = choose_proposals(bags, inputs.first_scores * guidance, bags.valid, guidance, 1)
    sizes = inputs.image_sizes[bags.image_index]
    positives = clip_boxes(jitter_boxes(choice.boxes, choice.guidance, method.positives), sizes)
    enriched = torch.cat([bags.boxes, positives], 1)
    background, is_background = sample_background(
        inputs.background,
        inputs.image_sizes,
        enriched if method.clear_of_enriched else bags.boxes,
        bags.image_index,
        cfg,
    )
    min_area = (cfg.min_part_side * sizes.amin(1)) ** 2
    parts, is_part = sample_parts(inputs.parts, choice.boxes, min_area, cfg)
    all_valid = torch.ones(enriched.shape[:2], dtype=torch.bool)
    _, chosen = choose_boxes(enriched, inputs.second_scores, all_valid)
    scores = inputs.second_scores[:, :PROPOSALS]
    order, _ = rank_proposals(scores, bags.valid)
    candidates = bags.boxes.take_along_dim(order[:, : method.mining.top_k, None], dim=1)
    refined = mine_boxes(chosen, candidates, None, method.mining)
    index = boxes_to_proposals(refined, bags.boxes, None, bags.valid)
    return Outputs(guidance, positives, background, is_background, parts, is_part, refined, index)


def as_lists(inputs: Inputs) -> dict[str, Any]:
    """Convert the inputs to lists for the loop; this is not timed."""
    bags = inputs.bags
    return {
        "bags": plain.PlainBags(
            points=bags.points.tolist(),
            labels=bags.labels.tolist(),
            images=bags.image_index.tolist(),
            boxes=bags.boxes.tolist(),
            valid=bags.valid.tolist(),
        ),
        "sizes": inputs.image_sizes.tolist(),
        "first": inputs.first_scores.tolist(),
        "second": inputs.second_scores.tolist(),
        "background": inputs.background.tolist(),
        "parts": inputs.parts.tolist(),
    }


def run_plain(lists: Mapping[str, Any], method: Method) -> dict[str, list[Any]]:
    """Compute the same object by object; return the fields of `Outputs` as lists."""
    bags, jitter = lists["bags"], method.positives
    found: dict[str, list[Any]] = {}
    scores = plain.penalties(bags, method.guidance.overlap, method.guidance.distance_power)
    exponent = method.guidance.exponent
    found["guidance"] = [[plain.distance_score(w) ** exponent for w in row] for row in scores]
    chosen, enriched = [], []
    for n, bag in enumerate(bags.boxes):
        guided = [s * g for s, g in zip(lists["first"][n], found["guidance"][n], strict=True)]
        best = plain.best(guided, bags.valid[n])
        score = found["guidance"][n][best]
        grown = plain.jittered(bag[best], score, jitter.fixed, jitter.lone, jitter.crowded)
        size = lists["sizes"][bags.images[n]]
        chosen.append(bag[best])
        enriched.append([*bag, *(plain.clipped(box, *size) for box in grown)])
    found["positives"] = [bag[PROPOSALS:] for bag in enriched]
    found |= plain_negatives(lists, method, chosen, enriched)
    limits = method.mining
    found["refined"], found["index"] = [], []
    for n, bag in enumerate(bags.boxes):
        second = lists["second"][n]
        order = sorted(range(PROPOSALS), key=lambda k, second=second: -second[k])[: limits.top_k]
        refined = plain.mined(
            enriched[n][plain.best(second, [True] * len(second))],
            [bag[k] for k in order],
            [bags.valid[n][k] for k in order],
            limits.close_iou,
            limits.containment_iou,
            limits.containment_tolerance,
        )
        found["refined"].append(refined)
        found["index"].append(plain.nearest(refined, bag, bags.valid[n]))
    return found


def plain_negatives(
    lists: Mapping[str, Any], method: Method, chosen: list[Any], enriched: list[Any]
) -> dict[str, list[Any]]:
    """Compute the loop's background and part negatives."""
    bags, cfg = lists["bags"], method.negatives
    found: dict[str, list[Any]] = {
        "background": [],
        "is_background": [],
        "parts": [],
        "is_part": [],
    }
    references = enriched if method.clear_of_enriched else bags.boxes
    for image, (height, width) in enumerate(lists["sizes"]):
        positives = [b for n, bag in enumerate(references) if bags.images[n] == image for b in bag]
        draws = lists["background"][image]
        boxes = [plain.random_box(row, height, width, cfg.overhang) for row in draws]
        found["background"].append(boxes)
        found["is_background"].append(
            [plain.is_background(box, positives, cfg.background_iou) for box in boxes]
        )
    for n, box in enumerate(chosen):
        least = (cfg.min_part_side * min(lists["sizes"][bags.images[n]])) ** 2
        parts = [
            plain.placed(box, plain.random_part(row, cfg.min_part_fraction, cfg.part_iou))
            for row in lists["parts"][n]
        ]
        found["parts"].append(parts)
        found["is_part"].append([plain.area(box) > least for _ in parts])
    return found


def differences(found: Outputs, expected: Mapping[str, list[Any]]) -> list[str]:
    """Name the outputs that differ from the loop's: choices at all, boxes by over 0.001 px."""
    wrong = []
    for output in fields(found):
        value = getattr(found, output.name)
        judge = torch.tensor(expected[output.name], dtype=value.dtype).reshape(value.shape)
        tolerance = 1e-3 if value.is_floating_point() else 0
        if not torch.allclose(value, judge, rtol=0, atol=tolerance):
            wrong.append(output.name)
    return wrong
