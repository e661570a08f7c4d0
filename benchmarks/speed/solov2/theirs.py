"""mmdetection's side of the comparison; runs in mmdetection's environment, without sapnet."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from benchmarks.speed.solov2.their_model import build, prepare
from benchmarks.speed.solov2.worker import (
    INPUT_FILE,
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


def sample_of(image_size: torch.Tensor, original_size: torch.Tensor) -> Any:  # noqa: ANN401
    """Return mmdetection's record of an image."""
    from mmdet.structures import DetDataSample

    sizes = {"img_shape": image_size, "ori_shape": original_size}
    return DetDataSample(metainfo={name: tuple(size.tolist()) for name, size in sizes.items()})


def training_data(inputs: Outputs) -> dict[str, list[Any]]:
    """Return the batch as mmdetection's loader makes it, in BGR."""
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
    """Jobs of the model on the inputs."""

    def __init__(self, model: Any, inputs: Outputs) -> None:  # noqa: ANN401
        self.model, self.inputs = model, inputs
        sample = sample_of(inputs["image_size"], inputs["original_size"])
        self.test_data = {"inputs": [inputs["image"].flip(0)], "data_samples": [sample]}

    @torch.no_grad()
    def inference(self, watch: Stopwatch) -> Outputs:
        """Go from pixels to instances."""
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
        """Go from pixels to gradients."""
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
        """Run post-processing alone, as if the class logits had another bias."""
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
    """Build the model, write its weights into the folder, and return its jobs."""
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
    """Compute the loss as `BaseMaskHead.loss` does after the head's forward."""
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
