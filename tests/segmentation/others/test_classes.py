from __future__ import annotations

import pytest
import torch
from torch import nn

from sapnet.segmentation.others.classes import layout_of, match_classes, take_weights


def filled(**rows: list[float]) -> dict[str, torch.Tensor]:
    return {name.replace("__", "."): torch.tensor(values)[:, None] for name, values in rows.items()}


def test_rows_go_by_name_and_the_background_is_kept() -> None:
    own = filled(
        box_predictor__cls_score__weight=[0, 1, 2, 3],
        box_predictor__bbox_pred__weight=list(range(16)),
        class_predictor__weight=[0, 1, 2, 3],
        other__weight=[0, 1],
    )
    theirs = filled(
        box_predictor__cls_score__weight=[10, 11, 12],
        box_predictor__bbox_pred__weight=list(range(100, 112)),
        class_predictor__weight=[10, 11, 12],
        other__weight=[10, 11],
    )
    mixed = take_weights(own, theirs, ("cow", "cat", "dog"), ("dog", "hen"))
    # Row 0 is the background; dog is the third class here and the first there.
    assert mixed["box_predictor.cls_score.weight"].flatten().tolist() == [10, 1, 2, 11]
    boxes = mixed["box_predictor.bbox_pred.weight"].flatten().tolist()
    assert boxes == [100, 101, 102, 103, *range(4, 12), 104, 105, 106, 107]
    # The last row is "no object".
    assert mixed["class_predictor.weight"].flatten().tolist() == [0, 1, 10, 12]
    assert mixed["other.weight"].flatten().tolist() == [10, 11]


def test_other_networks_are_named() -> None:
    own = filled(a__weight=[0, 1])
    with pytest.raises(ValueError, match=r"found nothing for a.weight of shape \[2, 1\]"):
        take_weights(own, {}, ("a",), ("a",))
    with pytest.raises(ValueError, match=r"found \[3, 1\] for a.weight"):
        take_weights(own, filled(a__weight=[0, 1, 2]), ("a",), ("a",))


def test_the_boxes_of_proposals_have_no_classes() -> None:
    assert layout_of("model.rpn.head.bbox_pred.weight") is None
    found = layout_of("other.model.roi_heads.box_predictor.bbox_pred.bias")
    assert found is not None
    assert list(found.rows_of(1)) == [8, 9, 10, 11]


def test_every_layer_of_torchvision_with_classes_is_known() -> None:
    """Built with two numbers of classes, only the known layers differ in size."""
    from sapnet.segmentation.config import PredictConfig
    from sapnet.segmentation.others.mask_rcnn import build_on_pyramid

    class Pyramid(nn.Module):
        out_channels = 8

    few, many = (build_on_pyramid(Pyramid(), n, (8,) * 5, PredictConfig()) for n in (2, 5))
    theirs = many.state_dict()
    changed = [k for k, v in few.state_dict().items() if v.shape != theirs[k].shape]
    assert len(changed) == 6
    assert all(layout_of(key) is not None for key in changed)


def test_matches() -> None:
    match = match_classes(("a", "b"), ("b", "c"))
    assert (match.kept, match.new, match.left) == (("b",), ("a",), ("c",))
