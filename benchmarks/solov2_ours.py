"""sapnet's side of `solov2.py`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from time import perf_counter

import torch
from safetensors.torch import load_file
from solov2_worker import (
    INPUT_FILE,
    WEIGHTS_FILE,
    Job,
    Outputs,
    Stopwatch,
    gradients,
    serve,
)
from torch.utils.flop_counter import FlopCounterMode

from sapnet.config import ModelConfig
from sapnet.model import SAPNet
from sapnet.segmentation.convert import convert_mmdet_head, convert_mmdet_neck
from sapnet.segmentation.outputs import SOLOv2Outputs
from sapnet.structures import MASK_STRIDE, Category, InstanceTargets

MATMUL_SIDE, MATMUL_REPEATS = 2048, 20

GRADIENTS = {
    "backbone": "backbone.body.layer2.0.conv2.weight",
    "pyramid": "fpn.layer_blocks.0.0.weight",
    "kernels": "segmentation.head.kernel_output.weight",
    "classes": "segmentation.head.class_output.weight",
    "mask_branch": "segmentation.mask_branch.output.0.weight",
}


def build(state: Outputs) -> SAPNet:
    """Our network with the weights that mmdetection's side wrote."""
    num_classes = len(state["mask_head.conv_cls.bias"])
    settings = ModelConfig(weights="none", frozen_norms=True, frozen_stages=1)
    model = SAPNet(settings, tuple(Category(k + 1, str(k)) for k in range(num_classes)))
    prefix = "backbone."
    model.backbone.body.load_state_dict(
        {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
    )
    model.fpn.load_state_dict(convert_mmdet_neck(state))
    model.segmentation.load_state_dict(convert_mmdet_head(state))
    return model


def training_targets(inputs: Outputs) -> InstanceTargets:
    """The objects as our loader hands them over: masks on the stride-4 grid."""
    masks = inputs["masks"][:, ::MASK_STRIDE, ::MASK_STRIDE].contiguous()
    return InstanceTargets(
        masks=masks,
        boxes=inputs["boxes"],
        labels=inputs["labels"],
        image_index=inputs["image_index"],
        ranked_masks=masks.new_zeros(len(masks), 0, *masks.shape[1:]),
        ranked_valid=torch.zeros(len(masks), 0, dtype=torch.bool),
    )


def start(folder: Path) -> dict[str, Job]:
    """The jobs on the folder's inputs and weights."""
    inputs = load_file(folder / INPUT_FILE)
    state = load_file(folder / WEIGHTS_FILE)
    model = build(state)
    biases = {name: value for name, value in state.items() if name.startswith("bias_")}
    targets = training_targets(inputs)
    image, sizes = inputs["image"][None], inputs["image_size"][None]
    original_sizes = inputs["original_size"][None]

    @torch.no_grad()
    def inference(watch: Stopwatch) -> Outputs:
        model.eval()
        with watch.stage("total"):
            with watch.stage("features"):
                features = model.features(image)
            with watch.stage("head"):
                outputs = model.segmentation(features)
            with watch.stage("postprocess"):
                (found,) = model.segmentation.predict(outputs, sizes, original_sizes)
        return {"masks": found.masks, "labels": found.labels, "scores": found.scores}

    def step(watch: Stopwatch) -> Outputs:
        model.train()
        model.zero_grad()
        with watch.stage("total"):
            with watch.stage("forward"):
                outputs = model.segmentation(model.features(inputs["train_images"]))
            with watch.stage("loss"):
                losses = model.segmentation.loss(outputs, targets)
            with watch.stage("backward"):
                torch.stack(list(losses.values())).sum().backward()
        return {**losses, **gradients(model, GRADIENTS)}

    @cache
    @torch.no_grad()
    def head_outputs() -> SOLOv2Outputs:
        model.eval()
        return model.segmentation(model.features(image))

    def postprocess(watch: Stopwatch, bias: torch.Tensor) -> Outputs:
        outputs = head_outputs()
        shift = bias - model.segmentation.head.class_output.bias[0].detach()
        logits = tuple(level + shift for level in outputs.grid_class_logits)
        shifted = replace(outputs, grid_class_logits=logits)
        with watch.stage("total"):
            (found,) = model.segmentation.predict(shifted, sizes, original_sizes)
        return {"masks": found.masks, "labels": found.labels, "scores": found.scores}

    def limits(watch: Stopwatch) -> Outputs:
        flops = {}
        for name, job in (("inference", inference), ("step", step)):
            with FlopCounterMode(display=False) as counter:
                job(watch)
            flops[f"{name}_flops"] = torch.tensor(counter.get_total_flops(), dtype=torch.float64)
        return {**flops, "matmul_flops_per_s": matmul_rate()}

    others = {
        name.replace("bias", "postprocess"): partial(postprocess, bias=bias)
        for name, bias in biases.items()
    }
    return {"inference": inference, "step": step, "limits": limits, **others}


def matmul_rate() -> torch.Tensor:
    """Floating point operations a second of the quickest of several square matrix products."""
    square = torch.randn(MATMUL_SIDE, MATMUL_SIDE)
    seconds = []
    for _ in range(MATMUL_REPEATS):
        start = perf_counter()
        torch.mm(square, square)
        seconds.append(perf_counter() - start)
    return torch.tensor(2 * MATMUL_SIDE**3 / min(seconds), dtype=torch.float64)


if __name__ == "__main__":
    serve(start)
