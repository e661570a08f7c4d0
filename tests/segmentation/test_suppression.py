from math import exp

import pytest
import torch
from torch import Tensor

from sapnet.segmentation.config import PredictConfig
from sapnet.segmentation.suppression import matrix_nms, suppress_cells

ALL = {"filter_threshold": 0.0, "pre_nms": 10_000, "max_instances": 10_000}


def test_cells_keep_local_peaks() -> None:
    scores = torch.tensor([[[0.9, 0.8, 0.1], [0.2, 0.3, 0.4], [0.2, 0.5, 0.5]]])
    expected = [[[0.9, 0, 0], [0, 0, 0], [0.2, 0.5, 0.5]]]
    torch.testing.assert_close(suppress_cells(scores), torch.tensor(expected))


def test_cells_of_classes_and_images_are_apart() -> None:
    scores = torch.rand(2, 3, 4, 4)
    found = suppress_cells(scores)
    torch.testing.assert_close(found[1, 2], suppress_cells(scores[1, 2][None])[0])


def naive(
    masks: Tensor, labels: Tensor, scores: Tensor, cfg: PredictConfig
) -> list[tuple[int, float]]:
    """Matrix NMS over all pairs, one at a time."""

    def iou(i: int, j: int) -> float:
        union = (masks[i] | masks[j]).sum().item()
        return (masks[i] & masks[j]).sum().item() / union if labels[i] == labels[j] else 0.0

    def decay(value: float) -> float:
        return exp(-cfg.sigma * value**2) if cfg.kernel == "gaussian" else 1 - value

    order = scores.argsort(descending=True).tolist()[: cfg.pre_nms]
    results = []
    for rank, j in enumerate(order):
        factors = [1.0]
        for better, i in enumerate(order[:rank]):
            worst = max([iou(k, i) for k in order[:better]], default=0.0)
            factors.append(decay(iou(i, j)) / decay(worst))
        lowered = scores[j].item() * min(factors)
        if lowered >= cfg.filter_threshold:
            results.append((j, lowered))
    return sorted(results, key=lambda result: -result[1])[: cfg.max_instances]


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
@pytest.mark.parametrize(
    "changes", [{}, {"pre_nms": 9}, {"max_instances": 4}, {"filter_threshold": 0.2}]
)
def test_equals_a_loop_over_pairs(kernel: str, changes: dict[str, float]) -> None:
    generator = torch.Generator().manual_seed(3)
    masks = torch.zeros(25, 8, 10, dtype=torch.bool)
    for mask in masks:
        y, x = torch.randint(0, 4, (2,), generator=generator).tolist()
        mask[y : y + 4, x : x + 5] = torch.rand(4, 5, generator=generator) > 0.2
    labels = torch.randint(0, 2, (25,), generator=generator)
    scores = torch.rand(25, generator=generator)
    cfg = PredictConfig(**{**ALL, "kernel": kernel, **changes})
    kept, lowered = matrix_nms(masks, labels, scores, cfg)
    expected = naive(masks, labels, scores, cfg)
    assert kept.tolist() == [index for index, _ in expected]
    assert lowered.tolist() == pytest.approx([score for _, score in expected], rel=1e-4)


def test_half_overlap_by_hand() -> None:
    masks = torch.tensor([[[1, 1, 0]], [[0, 1, 1]]], dtype=torch.bool)  # IoU 1/3
    labels, scores = torch.tensor([4, 4]), torch.tensor([0.5, 0.8])
    kept, lowered = matrix_nms(masks, labels, scores, PredictConfig(**ALL, kernel="linear"))
    assert kept.tolist() == [1, 0]
    assert lowered.tolist() == pytest.approx([0.8, 0.5 * 2 / 3])
    _, other_class = matrix_nms(masks, torch.tensor([4, 5]), scores, PredictConfig(**ALL))
    assert other_class.tolist() == pytest.approx([0.8, 0.5])


def test_nothing_in_nothing_out() -> None:
    none = torch.zeros(0)
    kept, lowered = matrix_nms(torch.zeros(0, 4, 5).bool(), none.long(), none, PredictConfig())
    assert kept.shape == lowered.shape == (0,)


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
def test_identical_masks_leave_the_best(kernel: str) -> None:
    masks = torch.ones(4, 2, 2, dtype=torch.bool)
    scores = torch.tensor([0.6, 0.9, 0.7, 0.8])
    cfg = PredictConfig(**ALL, kernel=kernel, sigma=500.0)
    kept, lowered = matrix_nms(masks, torch.zeros(4).long(), scores, cfg)
    assert kept[0] == 1
    assert lowered.tolist() == pytest.approx([0.9, 0, 0, 0])


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
def test_masks_without_pixels_overlap_nothing(kernel: str) -> None:
    scores = torch.tensor([0.6, 0.9, 0.7])
    cfg = PredictConfig(**ALL, kernel=kernel)
    kept, lowered = matrix_nms(torch.zeros(3, 2, 2).bool(), torch.zeros(3).long(), scores, cfg)
    assert kept.tolist() == [1, 2, 0]
    assert lowered.tolist() == pytest.approx([0.9, 0.7, 0.6])
