from dataclasses import replace

import pytest
import torch

from sapnet.segmentation import postprocess
from sapnet.segmentation.config import PredictConfig, SOLOv2Config
from sapnet.segmentation.outputs import SOLOv2Outputs
from sapnet.segmentation.postprocess import find_candidates, predict_instances

SIDE = 8


def one_object_outputs(cfg: SOLOv2Config, logit: float = 4.0) -> SOLOv2Outputs:
    """One cell of level 0 sees class 2 and a mask that fills the left half; size 32 x 32."""
    kernels = [torch.zeros(1, 8, side, side) for side in cfg.num_grids]
    class_logits = [torch.full((1, 3, side, side), -9.0) for side in cfg.num_grids]
    kernels[0][0, 0, 1, 2] = 10.0
    class_logits[0][0, 2, 1, 2] = logit
    features = torch.zeros(1, 8, SIDE, SIDE)
    features[0, 0, :, : SIDE // 2] = 1.0
    features[0, 0, :, SIDE // 2 :] = -1.0
    return SOLOv2Outputs(tuple(kernels), tuple(class_logits), features)


def test_one_object_reaches_the_original_frame(cfg: SOLOv2Config) -> None:
    (found,) = predict_instances(
        one_object_outputs(cfg), torch.tensor([[32, 32]]), torch.tensor([[10, 20]]), cfg
    )
    assert found.labels.tolist() == [2]
    expected = torch.sigmoid(torch.tensor(4.0)) * torch.sigmoid(torch.tensor(10.0))
    torch.testing.assert_close(found.scores, expected[None])
    assert found.masks.shape == (1, 10, 20)
    assert found.masks[0, :, :10].all()
    assert not found.masks[0, :, 10:].any()


def test_padding_is_cut_off(cfg: SOLOv2Config) -> None:
    (found,) = predict_instances(
        one_object_outputs(cfg), torch.tensor([[32, 16]]), torch.tensor([[6, 7]]), cfg
    )
    assert found.masks.shape == (1, 6, 7)
    assert found.masks.all()


@pytest.mark.parametrize(
    "changes",
    [{"score_threshold": 0.99}, {"filter_threshold": 0.999}, {"mask_threshold": 0.99999}],
)
def test_each_threshold_can_leave_nothing(cfg: SOLOv2Config, changes: dict[str, float]) -> None:
    cfg = replace(cfg, predict=replace(cfg.predict, **changes))
    (found,) = predict_instances(
        one_object_outputs(cfg), torch.tensor([[32, 32]]), torch.tensor([[10, 20]]), cfg
    )
    assert found.masks.shape == (0, 10, 20)
    assert found.labels.shape == found.scores.shape == (0,)


def test_area_must_exceed_the_stride_of_its_level(cfg: SOLOv2Config) -> None:
    outputs = one_object_outputs(cfg)  # the mask has 32 pixels
    sizes = torch.tensor([[32, 32]])
    for stride, expected in ((31, 1), (32, 0)):
        limited = replace(cfg, strides=(stride, 8))
        assert len(predict_instances(outputs, sizes, sizes, limited)[0]) == expected


def test_only_the_wanted_classes_are_returned(cfg: SOLOv2Config) -> None:
    outputs = one_object_outputs(cfg)
    sizes = torch.tensor([[32, 32]])
    (every,) = predict_instances(outputs, sizes, sizes, cfg)
    (label,) = every.labels.tolist()
    (same,) = predict_instances(outputs, sizes, sizes, cfg, [torch.tensor([label])])
    assert torch.equal(same.masks, every.masks)
    assert torch.equal(same.scores, every.scores)
    others = torch.tensor([other for other in range(label + 3) if other != label])
    (none,) = predict_instances(outputs, sizes, sizes, cfg, [others])
    assert none.masks.shape == (0, 32, 32)


def test_candidates_do_not_depend_on_the_chunks(
    cfg: SOLOv2Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(0)
    kernels = torch.randn(20, 8, generator=generator)
    scores = torch.rand(20, 3, generator=generator)
    features = torch.randn(8, SIDE, SIDE, generator=generator)
    limited = replace(cfg, predict=PredictConfig(pre_nms=7))
    every = find_candidates(kernels, scores, features, limited)
    assert len(every.scores) > 20
    best = every.scores.argsort(descending=True)[:7].sort().values

    monkeypatch.setattr(postprocess, "CHUNK_PIXELS", 5 * SIDE * SIDE)
    found = find_candidates(kernels, scores, features, limited)
    torch.testing.assert_close(found.scores, every.scores[best])
    torch.testing.assert_close(found.probabilities, every.probabilities[best])
    assert found.labels.tolist() == every.labels[best].tolist()
