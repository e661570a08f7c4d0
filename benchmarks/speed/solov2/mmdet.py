"""mmdetection's side of `solov2.py`; runs in an environment that has it, and without sapnet.

mmdetection imports compiled operators for other models. SOLOv2 uses none of them, so that empty
classes stand in for them.
"""

from __future__ import annotations

import types
from functools import cached_property, partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from math import log
from pathlib import Path
from sys import meta_path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from benchmarks.speed.solov2.worker import (
    INPUT_FILE,
    MEAN,
    STD,
    WEIGHTS_FILE,
    Job,
    Outputs,
    Stopwatch,
    gradients,
    serve,
)

GRADIENTS = {
    "backbone": "backbone.layer2.0.conv2.weight",
    "pyramid": "neck.fpn_convs.0.conv.weight",
    "kernels": "mask_head.conv_kernel.weight",
    "classes": "mask_head.conv_cls.weight",
    "mask_branch": "mask_head.mask_feature_head.conv_pred.conv.weight",
}
LOGIT_STD = 5.0
LAST_FACTOR = 0.2
KERNEL_BIAS = 0.1


class CompiledOperators(MetaPathFinder, Loader):
    """Finds `mmcv.ops` as a module in which every name is an empty class."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """A spec for `mmcv.ops` and what is in it."""
        del path, target
        is_wanted = name.split(".")[:2] == ["mmcv", "ops"]
        return ModuleSpec(name, self, is_package=True) if is_wanted else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """The stand-in."""
        module = types.ModuleType(spec.name)

        def placeholder(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

        module.__getattr__ = placeholder  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run."""


def build() -> torch.nn.Module:
    """SOLOv2 with ResNet-50 as mmdetection configures it, with random weights and frozen norms.

    Its own configuration keeps the statistics of the norms and trains their factors; sapnet, like
    most recipes, trains neither, so that both sides here train the same parameters.
    """
    meta_path.insert(0, CompiledOperators())
    import mmdet
    import mmdet.models
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    init_default_scope("mmdet")
    configs = Path(mmdet.__file__).parent / ".mim" / "configs"
    settings = Config.fromfile(configs / "solov2" / "solov2_r50_fpn_1x_coco.py").model
    del settings.backbone["init_cfg"]
    settings.backbone["norm_cfg"] = {"type": "BN", "requires_grad": False}
    torch.manual_seed(0)
    model: torch.nn.Module = MODELS.build(settings)
    model.init_weights()
    return model


@torch.no_grad()
def prepare(model: Any, image: torch.Tensor, counts: list[int]) -> dict[str, torch.Tensor]:  # noqa: ANN401
    """Give random weights the statistics of trained ones.

    Norms of the backbone get the statistics of the image, so that features neither vanish nor
    explode; class logits get a standard deviation of 5 and a bias that lets the last of `counts`
    local peaks pass, or NMS would see nothing.

    Returns:
        For each count n, as `bias_N`, the bias that lets this many pass.
    """
    normalised = (image[None].float() - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(
        3, 1, 1
    )
    for norm in model.backbone.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            # As in trained networks: small at the end of a block, where it starts at zero. Large
            # ones would make the network amplify the last bits of its sums.
            torch.nn.init.constant_(norm.weight, 1.0 if norm.weight.any() else LAST_FACTOR)
            norm.train()
            norm.momentum = None  # the statistics of what it sees
    model.backbone(normalised)
    model.eval()
    head = model.mask_head
    _, class_logits, _ = head(model.extract_feat(normalised))
    every = torch.cat([level.flatten() for level in class_logits])
    factor = LOGIT_STD / every.std()
    head.conv_cls.weight *= factor
    centred = [factor * (level - head.conv_cls.bias[0]) for level in class_logits]
    peaks = [
        level[functional.max_pool2d(level, 2, stride=1, padding=1)[..., :-1, :-1] == level]
        for level in centred
    ]
    best = torch.cat(peaks).sort(descending=True).values
    least_logit = -log(1 / head.test_cfg.score_thr - 1)
    # Mask features are not negative: this makes masks of all sizes, where some of a few pixels
    # would let a single pixel at the threshold decide about their IoU.
    head.conv_kernel.bias.fill_(KERNEL_BIAS)
    biases = {f"bias_{count}": least_logit - best[count] for count in counts}
    head.conv_cls.bias.fill_(biases[f"bias_{counts[-1]}"])
    return biases


def sample_of(image_size: torch.Tensor, original_size: torch.Tensor) -> Any:  # noqa: ANN401
    """The record of an image that mmdetection wants."""
    from mmdet.structures import DetDataSample

    sizes = {"img_shape": image_size, "ori_shape": original_size}
    return DetDataSample(metainfo={name: tuple(size.tolist()) for name, size in sizes.items()})


def training_data(inputs: Outputs) -> dict[str, list[Any]]:
    """The batch as mmdetection's loader hands it over; it reads BGR."""
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    images = inputs["train_images"].flip(1)
    size = images.shape[-2:]
    samples = []
    for k in range(len(images)):
        chosen = inputs["image_index"] == k
        sample = sample_of(torch.tensor(size), torch.tensor(size))
        sample.gt_instances = InstanceData(
            bboxes=inputs["boxes"][chosen],
            labels=inputs["labels"][chosen],
            masks=BitmapMasks(inputs["masks"][chosen].numpy().astype(np.uint8), *size),
        )
        samples.append(sample)
    return {"inputs": list(images), "data_samples": samples}


class Jobs:
    """What the model does with the inputs."""

    def __init__(self, model: Any, inputs: Outputs) -> None:  # noqa: ANN401
        self.model, self.inputs = model, inputs
        sample = sample_of(inputs["image_size"], inputs["original_size"])
        self.test_data = {"inputs": [inputs["image"].flip(0)], "data_samples": [sample]}

    @torch.no_grad()
    def inference(self, watch: Stopwatch) -> Outputs:
        """From pixels to instances."""
        self.model.eval()
        with watch.stage("total"):
            data = self.model.data_preprocessor(self.test_data, training=False)
            with watch.stage("features"):
                features = self.model.extract_feat(data["inputs"])
            with watch.stage("head"):
                outputs = self.model.mask_head(features)
            with watch.stage("postprocess"):
                found = self._instances(outputs)
        return {"masks": found.masks, "labels": found.labels, "scores": found.scores}

    def step(self, watch: Stopwatch) -> Outputs:
        """From pixels to gradients."""
        self.model.train()
        self.model.zero_grad()
        raw = training_data(self.inputs)
        with watch.stage("total"):
            data = self.model.data_preprocessor(raw, training=True)
            with watch.stage("forward"):
                outputs = self.model.mask_head(self.model.extract_feat(data["inputs"]))
            with watch.stage("loss"):
                losses = head_loss(self.model.mask_head, outputs, data["data_samples"])
            with watch.stage("backward"):
                sum(losses.values()).backward()
        return {
            "loss_mask": losses["loss_mask"],
            "loss_class": losses["loss_cls"],
            **gradients(self.model, GRADIENTS),
        }

    @torch.no_grad()
    def postprocess(self, watch: Stopwatch, bias: torch.Tensor) -> Outputs:
        """Post-processing alone, as if the class logits had another bias."""
        kernels, class_logits, features = self._head_outputs
        shift = bias - self.model.mask_head.conv_cls.bias[0]
        shifted = [level + shift for level in class_logits]
        with watch.stage("total"):
            found = self._instances((kernels, shifted, features))
        return {"masks": found.masks, "labels": found.labels, "scores": found.scores}

    def _instances(self, outputs: tuple[Any, ...]) -> Any:  # noqa: ANN401
        metas = [sample.metainfo for sample in self.test_data["data_samples"]]
        return self.model.mask_head.predict_by_feat(*outputs, batch_img_metas=metas)[0]

    @cached_property
    def _head_outputs(self) -> tuple[Any, ...]:
        self.model.eval()
        data = self.model.data_preprocessor(self.test_data, training=False)
        outputs: tuple[Any, ...] = self.model.mask_head(self.model.extract_feat(data["inputs"]))
        return outputs


def start(folder: Path) -> dict[str, Job]:
    """The model with the folder's inputs; writes its weights into the folder."""
    model = build()
    inputs = load_file(folder / INPUT_FILE)
    counts = [*inputs["candidates"].tolist(), int(inputs["num_candidates"])]
    biases = prepare(model, inputs["image"], counts)
    save_file(model.state_dict() | biases, folder / WEIGHTS_FILE)
    jobs = Jobs(model, inputs)
    others = {
        name.replace("bias", "postprocess"): partial(jobs.postprocess, bias=bias)
        for name, bias in biases.items()
    }
    return {"inference": jobs.inference, "step": jobs.step, **others}


def head_loss(head: Any, outputs: tuple[Any, ...], samples: list[Any]) -> dict[str, torch.Tensor]:  # noqa: ANN401
    """What `BaseMaskHead.loss` does after the head's forward."""
    instances = [sample.gt_instances for sample in samples]
    metas = [sample.metainfo for sample in samples]
    for found, meta in zip(instances, metas, strict=True):
        found.masks = found.masks.pad(meta["batch_input_shape"])
    losses: dict[str, torch.Tensor] = head.loss_by_feat(
        *outputs, batch_gt_instances=instances, batch_img_metas=metas
    )
    return losses


if __name__ == "__main__":
    serve(start)
