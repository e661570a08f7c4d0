"""Our SOLOv2 against numbers that mmdetection 3.3 computed (`solov2/README.md` of the vectors)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from sapnet.backbones.backbone import Backbone
from sapnet.backbones.config import BackboneConfig
from sapnet.cli import main
from sapnet.geometry.masks import centers_of_mass, downsample_masks
from sapnet.geometry.rle import encode_masks
from sapnet.network.model import Network
from sapnet.segmentation.config import PredictConfig, SOLOv2Config
from sapnet.segmentation.convert import convert_mmdet_head, convert_mmdet_neck
from sapnet.segmentation.losses import dice_of_positives, solov2_losses
from sapnet.segmentation.outputs import SOLOv2Outputs, flatten_cells
from sapnet.segmentation.postprocess import find_candidates, predict_instances
from sapnet.segmentation.solov2 import SOLOv2
from sapnet.segmentation.suppression import matrix_nms, suppress_cells
from sapnet.segmentation.targets import assign_targets
from sapnet.structures.batch import InstanceTargets
from sapnet.structures.grids import MASK_STRIDE

Arrays = dict[str, np.ndarray]
Vectors = tuple[dict[str, Any], Arrays]

CASES = ("head_forward_", "targets_", "loss_", "results_", "matrix_nms_")
NO_LIMIT = 10**6
HEAD_TOLERANCE = {"rtol": 0, "atol": 1e-4}
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def config_of(meta: dict[str, Any]) -> SOLOv2Config:
    cfg = meta["config"]
    fixed = {"dynamic_conv_size": 1, "mask_stride": MASK_STRIDE, "gn_eps": nn.GroupNorm(1, 1).eps}
    assert {name: cfg[name] for name in fixed} == fixed
    return SOLOv2Config(
        num_grids=tuple(cfg["num_grids"]),
        scale_ranges=tuple((low, high) for low, high in cfg["scale_ranges"]),
        strides=tuple(cfg["strides"]),
        center_region=cfg["pos_scale"],
        stacked_convs=cfg["stacked_convs"],
        channels=cfg["feat_channels"],
        mask_branch_channels=cfg["mask_feat_channels"],
        mask_feature_channels=cfg["mask_out_channels"],
        norm_groups=cfg["gn_groups"],
        dice_weight=cfg["dice_weight"],
        dice_eps=cfg["dice_eps"],
        focal_gamma=cfg["focal_gamma"],
        focal_alpha=cfg["focal_alpha"],
        focal_weight=cfg["focal_weight"],
    )


def predict_config_of(settings: dict[str, Any]) -> PredictConfig:
    """Settings of mmdetection's matrix_nms, where -1 means no limit."""
    return PredictConfig(
        pre_nms=NO_LIMIT if settings["nms_pre"] < 0 else settings["nms_pre"],
        filter_threshold=max(0, settings["filter_thr"]),
        kernel=settings["kernel"],
        sigma=settings["sigma"],
        max_instances=NO_LIMIT if settings["max_num"] < 0 else settings["max_num"],
    )


def levels(arrays: Arrays, name: str, num_levels: int) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(arrays[f"{name}_l{level}"]) for level in range(num_levels))


def outputs_of(arrays: Arrays, num_levels: int) -> SOLOv2Outputs:
    return SOLOv2Outputs(
        grid_kernels=levels(arrays, "kernel_preds", num_levels),
        grid_class_logits=levels(arrays, "cls_preds", num_levels),
        mask_features=torch.from_numpy(arrays["mask_feats"]),
    )


def unpack(packed: np.ndarray, width: int) -> np.ndarray:
    return np.unpackbits(packed, axis=-1, count=width)


def test_no_file_is_left_unread(vectors_folder: Path) -> None:
    folder = vectors_folder / "solov2"
    unread = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and path.name != "README.md"
        and not (path.parent == folder and path.match("*.npz") and path.name.startswith(CASES))
    ]
    assert unread == []


@pytest.mark.vectors("solov2/head_forward_*.npz")
def test_head_and_pyramid(vectors: Vectors) -> None:
    meta, arrays = vectors
    cfg, sizes = config_of(meta), meta["config"]
    state = {
        name.removeprefix("state/"): torch.from_numpy(value)
        for name, value in arrays.items()
        if name.startswith("state/")
    }
    pyramid = FeaturePyramidNetwork(
        sizes["backbone_channels"], sizes["fpn_channels"], extra_blocks=LastLevelMaxPool()
    )
    pyramid.load_state_dict(convert_mmdet_neck(state))
    network = SOLOv2(sizes["num_classes"], sizes["fpn_channels"], cfg)
    network.load_state_dict(convert_mmdet_head(state))

    with torch.no_grad():
        maps = pyramid({f"c{i}": torch.from_numpy(arrays[f"c{i}"]) for i in range(2, 6)})
        features = list(maps.values())
        outputs = network(features)

    for name, found in zip(("p2", "p3", "p4", "p5", "p6"), features, strict=True):
        torch.testing.assert_close(found, torch.from_numpy(arrays[name]), **HEAD_TOLERANCE)
    expected = outputs_of(arrays, cfg.num_levels)
    torch.testing.assert_close(outputs.grid_kernels, expected.grid_kernels, **HEAD_TOLERANCE)
    torch.testing.assert_close(
        outputs.grid_class_logits, expected.grid_class_logits, **HEAD_TOLERANCE
    )
    torch.testing.assert_close(outputs.mask_features, expected.mask_features, **HEAD_TOLERANCE)


@pytest.mark.vectors("solov2/head_forward_*.npz")
def test_an_imported_checkpoint(vectors: Vectors, tmp_path: Path) -> None:
    """Their weights as mmdetection saves them, behind a ResNet, through the command."""
    meta, arrays = vectors
    config = meta["config"]
    torch.manual_seed(0)
    body = Backbone(BackboneConfig("resnet18", "none")).body.state_dict()
    state = {f"backbone.{name}": value for name, value in body.items()}
    for name, value in arrays.items():
        if name.startswith("state/"):
            state[name.removeprefix("state/")] = torch.from_numpy(value)
    wide = (64, 128, 256, 512)  # channels of a ResNet-18; those that are too many see zeros
    for level, channels in enumerate(wide):
        name = f"neck.lateral_convs.{level}.conv.weight"
        more = channels - state[name].shape[1]
        state[name] = torch.cat([state[name], torch.randn(state[name].shape[0], more, 1, 1)], dim=1)
    text = (
        f"model = dict(mask_head=dict(\n    num_grids={config['num_grids']},\n"
        f"    norm_cfg=dict(num_groups={config['gn_groups']}, type='GN')))\n"
    )
    names = [f"class {index}" for index in range(config["num_classes"])]
    content = {"state_dict": state, "meta": {"cfg": text, "dataset_meta": {"classes": names}}}
    file, run = tmp_path / "solov2.pth", tmp_path / "run"
    torch.save(content, file)
    words = ["import-checkpoint", str(file), "--from", "mmdetection", "--out", str(run)]
    assert main(words) == 0

    network = Network.from_pretrained(run).eval()
    maps = {
        f"c{level + 2}": functional.pad(
            torch.from_numpy(arrays[f"c{level + 2}"]),
            (0, 0, 0, 0, 0, channels - arrays[f"c{level + 2}"].shape[1]),
        )
        for level, channels in enumerate(wide)
    }
    with torch.no_grad():
        features = list(network.fpn(maps).values())
        outputs = network.segmenter(features)
    for name, found in zip(("p2", "p3", "p4", "p5", "p6"), features, strict=True):
        torch.testing.assert_close(found, torch.from_numpy(arrays[name]), **HEAD_TOLERANCE)
    expected = outputs_of(arrays, len(config["num_grids"]))
    for part in ("grid_kernels", "grid_class_logits", "mask_features"):
        torch.testing.assert_close(
            getattr(outputs, part), getattr(expected, part), **HEAD_TOLERANCE
        )


@pytest.mark.vectors("solov2/targets_*.npz")
def test_targets(vectors: Vectors) -> None:
    meta, arrays = vectors
    cfg, (height, width) = config_of(meta), meta["pad_shape"]
    num_classes = meta["config"]["num_classes"]
    masks = unpack(arrays["gt_masks_packed"], width)
    grid_size = (height // MASK_STRIDE, width // MASK_STRIDE)
    grid_masks = downsample_masks(encode_masks(masks), (height, width), grid_size)
    centers_yx = torch.from_numpy(arrays["gt_center_yx"])
    torch.testing.assert_close(
        centers_of_mass(torch.from_numpy(masks)), centers_yx, equal_nan=True, **TOLERANCE
    )

    targets = assign_targets(
        torch.from_numpy(arrays["gt_bboxes"]),
        centers_yx,
        torch.zeros(len(masks), dtype=torch.int64),
        1,
        (height, width),
        cfg,
    )
    labels = targets.cell_labels(torch.from_numpy(arrays["gt_labels"]), num_classes)[0].numpy()
    for level, (start, count) in enumerate(
        zip(cfg.level_offsets, cfg.cells_per_level, strict=True)
    ):
        stop = start + count
        on_level = (targets.cell_index >= start) & (targets.cell_index < stop)
        cells = targets.cell_index[on_level].numpy() - start
        objects = targets.object_index[on_level].numpy()
        expected_masks = unpack(arrays[f"mask_targets_l{level}_packed"], grid_size[1])
        np.testing.assert_array_equal(labels[start:stop], arrays[f"labels_l{level}"].ravel())
        np.testing.assert_array_equal(cells, arrays[f"pos_index_l{level}"])
        np.testing.assert_array_equal(grid_masks[objects], expected_masks)
        np.testing.assert_array_equal(
            np.bincount(cells, minlength=count) > 0, arrays[f"pos_mask_l{level}"]
        )


def loss_targets(meta: dict[str, Any], arrays: Arrays) -> tuple[InstanceTargets, Tensor]:
    """Objects of all images, and their centres in the full-resolution masks."""
    height, width = meta["pad_shape"]
    images = range(meta["num_images"])
    counts = torch.tensor([len(arrays[f"img{k}_gt_labels"]) for k in images])
    masks = np.concatenate([unpack(arrays[f"img{k}_gt_masks_packed"], width) for k in images])
    grid_size = (height // MASK_STRIDE, width // MASK_STRIDE)
    targets = InstanceTargets(
        masks=torch.from_numpy(downsample_masks(encode_masks(masks), (height, width), grid_size)),
        boxes=torch.from_numpy(np.concatenate([arrays[f"img{k}_gt_bboxes"] for k in images])),
        labels=torch.from_numpy(np.concatenate([arrays[f"img{k}_gt_labels"] for k in images])),
        image_index=torch.arange(len(counts)).repeat_interleave(counts),
        ranked_masks=torch.zeros(len(masks), 0, *grid_size, dtype=torch.uint8),
        ranked_valid=torch.zeros(len(masks), 0, dtype=torch.bool),
    )
    return targets, centers_of_mass(torch.from_numpy(masks))


@pytest.mark.vectors("solov2/loss_*.npz")
def test_losses_and_gradients(vectors: Vectors) -> None:
    meta, arrays = vectors
    cfg = config_of(meta)
    outputs = outputs_of(arrays, cfg.num_levels)
    inputs = {
        **{f"kernel_preds_l{i}": value for i, value in enumerate(outputs.grid_kernels)},
        **{f"cls_preds_l{i}": value for i, value in enumerate(outputs.grid_class_logits)},
        "mask_feats": outputs.mask_features,
    }
    for value in inputs.values():
        value.requires_grad_()
    targets, centers_yx = loss_targets(meta, arrays)
    grid_targets = assign_targets(
        targets.boxes,
        centers_yx,
        targets.image_index,
        outputs.num_images,
        outputs.input_size,
        cfg,
    )

    bounds = torch.tensor([*cfg.level_offsets, sum(cfg.cells_per_level)])
    per_level = torch.histogram(grid_targets.cell_index.float(), bounds.float() - 0.5).hist
    np.testing.assert_array_equal(per_level, arrays["num_mask_targets_per_level"])
    assert grid_targets.num_positive_cells == int(arrays["num_pos"])
    dice = dice_of_positives(outputs, targets, grid_targets, cfg.dice_eps)
    torch.testing.assert_close(
        cfg.dice_weight * dice[:, 0], torch.from_numpy(arrays["weighted_dice"]), **TOLERANCE
    )

    losses = solov2_losses(outputs, targets, grid_targets, cfg)
    assert losses["loss_mask"].item() == pytest.approx(arrays["loss_mask"].item(), abs=1e-5)
    assert losses["loss_class"].item() == pytest.approx(arrays["loss_cls"].item(), rel=1e-5)
    torch.stack(list(losses.values())).sum().backward()
    if meta["grads"]:
        for name, value in inputs.items():
            torch.testing.assert_close(
                value.grad, torch.from_numpy(arrays[f"grad_{name}"]), rtol=1e-5, atol=1e-6
            )


@pytest.mark.vectors("solov2/results_*.npz")
def test_results(vectors: Vectors) -> None:
    meta, arrays = vectors
    settings = meta["test_cfg"]
    predict = PredictConfig(
        pre_nms=settings["nms_pre"],
        score_threshold=settings["score_thr"],
        mask_threshold=settings["mask_thr"],
        filter_threshold=settings["filter_thr"],
        kernel=settings["kernel"],
        sigma=settings["sigma"],
        max_instances=settings["max_per_img"],
    )
    cfg = replace(config_of(meta), predict=predict)
    outputs = outputs_of(arrays, cfg.num_levels)
    images = meta["images"]
    predictions = predict_instances(
        outputs,
        torch.tensor([image["img_shape"] for image in images]),
        torch.tensor([image["ori_shape"] for image in images]),
        cfg,
    )

    assert len(predictions) == meta["num_images"]
    for k, (image, found) in enumerate(zip(images, predictions, strict=True)):
        expected = {
            name: arrays[f"img{k}_{name}"]
            for name in ("labels", "scores", "keep_inds", "nms_in_scores", "nms_in_labels")
        }
        np.testing.assert_array_equal(found.labels, expected["labels"])
        np.testing.assert_allclose(found.scores, expected["scores"], **TOLERANCE)
        masks = unpack(arrays[f"img{k}_masks_packed"], image["ori_shape"][1])
        assert found.masks.shape == masks.shape
        differing = np.count_nonzero(found.masks.numpy() != masks)
        assert differing <= image["mask_pixels_within_1e-5_of_mask_thr"]

        candidates = find_candidates(
            flatten_cells(outputs.grid_kernels)[k],
            flatten_cells([suppress_cells(x.sigmoid()) for x in outputs.grid_class_logits])[k],
            outputs.mask_features[k],
            replace(cfg, predict=replace(predict, pre_nms=NO_LIMIT)),
        )
        np.testing.assert_array_equal(candidates.labels, expected["nms_in_labels"])
        np.testing.assert_allclose(candidates.scores, expected["nms_in_scores"], **TOLERANCE)
        candidate_masks = candidates.probabilities > predict.mask_threshold
        areas = candidate_masks.sum(dim=(1, 2))
        np.testing.assert_array_equal(areas, arrays[f"img{k}_nms_in_areas"])
        kept, _ = matrix_nms(candidate_masks, candidates.labels, candidates.scores, predict)
        np.testing.assert_array_equal(kept, expected["keep_inds"])


@pytest.mark.vectors("solov2/matrix_nms_*.npz")
def test_matrix_nms(vectors: Vectors) -> None:
    meta, arrays = vectors
    masks = torch.from_numpy(unpack(arrays["masks_packed"], meta["mask_shape"][1])).bool()
    labels, scores = torch.from_numpy(arrays["labels"]), torch.from_numpy(arrays["scores"])
    assert meta["settings"]
    for k, settings in enumerate(meta["settings"]):
        cfg = predict_config_of(settings)
        kept, lowered = matrix_nms(masks, labels, scores, cfg)
        np.testing.assert_array_equal(kept, arrays[f"out{k}_keep_inds"])
        np.testing.assert_array_equal(labels[kept], arrays[f"out{k}_labels"])
        np.testing.assert_allclose(lowered, arrays[f"out{k}_scores"], **TOLERANCE)
