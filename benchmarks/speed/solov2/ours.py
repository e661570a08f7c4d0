"""sapnet's side of the comparison."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter

import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.solov2.worker import (
    INPUT_FILE,
    WEIGHTS_FILE,
    Job,
    Outputs,
    Stopwatch,
    gradients,
    serve,
)
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.segmentation.convert import convert_mmdet_head, convert_mmdet_neck
from sapnet.segmentation.outputs import SOLOv2Outputs
from sapnet.structures.batch import InstanceTargets
from sapnet.structures.clicks import Category
from sapnet.structures.grids import MASK_STRIDE
from sapnet.structures.outputs import Predictions

MATMUL_SIDE, MATMUL_REPEATS = 2048, 20

GRADIENTS = {
    "backbone": "backbone.body.layer2.0.conv2.weight",
    "pyramid": "fpn.layer_blocks.0.0.weight",
    "kernels": "segmentation.head.kernel_output.weight",
    "classes": "segmentation.head.class_output.weight",
    "mask_branch": "segmentation.mask_branch.output.0.weight",
}


def build(state: Outputs) -> Network:
    """Build our network with the weights that mmdetection's side wrote."""
    num_classes = len(state["mask_head.conv_cls.bias"])
    settings = ModelConfig(weights="none", frozen_norms=True, frozen_stages=1)
    model = Network(settings, tuple(Category(k + 1, str(k)) for k in range(num_classes)))
    prefix = "backbone."
    model.backbone.body.load_state_dict(
        {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
    )
    model.fpn.load_state_dict(convert_mmdet_neck(state))
    model.segmenter.load_state_dict(convert_mmdet_head(state))
    return model


def training_targets(inputs: Outputs) -> InstanceTargets:
    """Make targets as our loader does: masks on the stride-4 grid."""
    masks = inputs["masks"][:, ::MASK_STRIDE, ::MASK_STRIDE].contiguous()
    return InstanceTargets(
        masks=masks,
        boxes=inputs["boxes"],
        labels=inputs["labels"],
        image_index=inputs["image_index"],
        ranked_masks=masks.new_zeros(len(masks), 0, *masks.shape[1:]),
        ranked_valid=torch.zeros(len(masks), 0, dtype=torch.bool),
    )


class Jobs:
    """Jobs of the model on the inputs."""

    def __init__(self, model: Network, inputs: Outputs) -> None:
        self.model, self.inputs = model, inputs
        self.targets = training_targets(inputs)

    @torch.no_grad()
    def inference(self, watch: Stopwatch) -> Outputs:
        """Go from pixels to instances."""
        self.model.eval()
        with watch.stage("total"):
            with watch.stage("features"):
                features = self.model.features(self.inputs["image"][None])
            with watch.stage("head"):
                outputs = self.model.segmenter(features)
            with watch.stage("postprocess"):
                found = self._instances(outputs)
        return {"masks": found.masks, "labels": found.labels, "scores": found.scores}

    def step(self, watch: Stopwatch) -> Outputs:
        """Go from pixels to gradients."""
        self.model.train()
        self.model.zero_grad()
        with watch.stage("total"):
            with watch.stage("forward"):
                features = self.model.features(self.inputs["train_images"])
                outputs = self.model.segmenter(features)
            with watch.stage("loss"):
                losses = self.model.segmenter.loss(outputs, self.targets)
            with watch.stage("backward"):
                torch.stack(list(losses.values())).sum().backward()
        return {**losses, **gradients(self.model, GRADIENTS)}

    def postprocess(self, watch: Stopwatch, bias: torch.Tensor) -> Outputs:
        """Run post-processing alone, as if the class logits had another bias."""
        outputs = self._head_outputs
        shift = bias - self.model.segmenter.head.class_output.bias[0].detach()
        logits = tuple(level + shift for level in outputs.grid_class_logits)
        with watch.stage("total"):
            found = self._instances(replace(outputs, grid_class_logits=logits))
        return {"masks": found.masks, "labels": found.labels, "scores": found.scores}

    def limits(self, watch: Stopwatch) -> Outputs:
        """Count the floating point operations of the jobs, and measure the machine's rate."""
        flops = {}
        for name, job in (("inference", self.inference), ("step", self.step)):
            with FlopCounterMode(display=False) as counter:
                job(watch)
            flops[f"{name}_flops"] = torch.tensor(counter.get_total_flops(), dtype=torch.float64)
        return {**flops, "matmul_flops_per_s": matmul_rate()}

    def _instances(self, outputs: SOLOv2Outputs) -> Predictions:
        sizes = self.inputs["image_size"][None], self.inputs["original_size"][None]
        (found,) = self.model.segmenter.predict(outputs, *sizes)
        return found

    @cached_property
    def _head_outputs(self) -> SOLOv2Outputs:
        self.model.eval()
        with torch.no_grad():
            outputs: SOLOv2Outputs = self.model.segmenter(
                self.model.features(self.inputs["image"][None])
            )
        return outputs


def start(folder: Path) -> dict[str, Job]:
    """Return the jobs on the folder's inputs and weights."""
    state = load_file(folder / WEIGHTS_FILE)
    jobs = Jobs(build(state), load_file(folder / INPUT_FILE))
    others = {
        name.replace("bias", "postprocess"): partial(jobs.postprocess, bias=value)
        for name, value in state.items()
        if name.startswith("bias_")
    }
    return {"inference": jobs.inference, "step": jobs.step, "limits": jobs.limits, **others}


def matmul_rate() -> torch.Tensor:
    """Return the operations per second of the quickest of several square matrix products."""
    square = torch.randn(MATMUL_SIDE, MATMUL_SIDE)
    seconds = []
    for _ in range(MATMUL_REPEATS):
        start = perf_counter()
        torch.mm(square, square)
        seconds.append(perf_counter() - start)
    return torch.tensor(2 * MATMUL_SIDE**3 / min(seconds), dtype=torch.float64)


if __name__ == "__main__":
    serve(start)
