"""SAPNet: backbone, feature pyramid, selection and segmentation put together, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from sapnet.backbones.backbone import Backbone, load_weights
from sapnet.batches.augment import evaluation_view, view_image
from sapnet.network.config import ModelConfig
from sapnet.prediction.detections import read_pixels, to_detections
from sapnet.segmentation.solov2 import SOLOv2
from sapnet.selection.branch import SelectionBranch
from sapnet.selection.targets import instance_targets
from sapnet.structures.batch import Batch
from sapnet.structures.clicks import Category
from sapnet.structures.outputs import Predictions, Selection
from sapnet.system.json_settings import settings_from_json

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import supervision as sv


MODEL_CARD = """---
{{ card_data }}
---

# Instance segmenter trained with sapnet

Trained from one click per object with [SAPNet]({{ paper_url }}). `config.json` holds the network's
settings and its categories.

```python
from sapnet import SAPNet

detections = SAPNet.from_pretrained("THIS_FOLDER_OR_HUB_NAME").predict("photo.jpg")
```
"""
"""The README that `save_pretrained` writes beside the weights, a template of huggingface_hub."""


@dataclass(frozen=True)
class TrainingOutput:
    """What a training step gives.

    Attributes:
        losses: scalar float32 tensors by name, already weighted; their sum is minimised.
        selection: what was chosen, where masks come from clicks; else None.
    """

    losses: dict[str, Tensor]
    selection: Selection | None

    @property
    def total(self) -> Tensor:
        """Sum of the losses (Eq. 9)."""
        return torch.stack(list(self.losses.values())).sum()


class SAPNet(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="sapnet",
    paper_url="https://arxiv.org/abs/2312.15895",
    pipeline_tag="image-segmentation",
    model_card_template=MODEL_CARD,
    tags=["instance-segmentation", "point-supervision"],
    coders={tuple: (lambda categories: [asdict(c) for c in categories], tuple)},
):
    """The whole network.

    Weights are random after construction; `build_model` starts the backbone from trained weights
    and `SAPNet.from_pretrained` loads a trained network from a folder or the hub.

    Args:
        settings: the network's settings, as a `ModelConfig` or as the dictionary that
            `save_pretrained` wrote of one.
        categories: C categories; a label is an index into them. Dictionaries of their fields are
            taken as well.
    """

    def __init__(
        self,
        settings: ModelConfig | dict[str, Any],
        categories: tuple[Category | dict[str, Any], ...],
    ) -> None:
        super().__init__()
        if isinstance(settings, dict):
            settings = settings_from_json(settings, ModelConfig)
        self.settings = settings
        self.categories = tuple(c if isinstance(c, Category) else Category(**c) for c in categories)
        if not self.categories:
            raise ValueError("SAPNet: expected at least one category, found none")
        self.backbone = Backbone(settings.backbone_config)
        self.fpn = FeaturePyramidNetwork(
            self.backbone.channels, settings.fpn_channels, extra_blocks=LastLevelMaxPool()
        )
        self.selection = SelectionBranch(
            len(self.categories), settings.fpn_channels, settings.selection
        )
        self.segmentation = (
            SOLOv2(len(self.categories), settings.fpn_channels, settings.segmentation)
            if settings.segmenter
            else None
        )

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.backbone.mean.device

    @property
    def segmenter(self) -> SOLOv2:
        """SOLOv2.

        Raises:
            ValueError: the settings leave it out.
        """
        if self.segmentation is None:
            raise ValueError(
                "this network was trained with model.segmenter false: it chooses masks for clicks "
                "(`sapnet label`) and cannot segment. Train a segmenter on those labels with "
                "`sapnet train --supervision masks --masks labels.json`"
            )
        return self.segmentation

    def features(self, images: Tensor) -> list[Tensor]:
        """Feature pyramid of a batch.

        Args:
            images: (B, 3, H, W) RGB, 0..255, sides divisible by 32.

        Returns:
            P2..P6, strides 4 to 64, each (B, fpn_channels, h, w).
        """
        named = {str(i): f for i, f in enumerate(self.backbone(images))}
        return list(self.fpn(named).values())

    def forward(self, batch: Batch, generator: torch.Generator | None = None) -> TrainingOutput:
        """Losses of one batch, from clicks (`batch.bags`) or from masks (`batch.targets`).

        Without a segmenter only those of the selection.

        Args:
            batch: images with bags or targets.
            generator: of the random negatives; on the batch's device.

        Raises:
            ValueError: the batch has neither bags nor targets, or targets and no segmenter.
        """
        features = self.features(batch.images)
        selection, losses = None, {}
        if batch.bags is not None:
            selection = self.selection(features, batch.bags, batch.image_sizes, generator)
            losses.update(selection.losses)
            if self.segmentation is None:
                return TrainingOutput(losses, selection)
            targets = instance_targets(batch.bags, selection, self.settings.selection)
        elif batch.targets is not None:
            targets = batch.targets
        else:
            raise ValueError("expected a batch with bags or targets, found neither")
        outputs = self.segmenter(features)
        mps_weight = self.settings.selection.multi_mask.weight
        losses.update(self.segmenter.loss(outputs, targets, mps_weight))
        return TrainingOutput(losses, selection)

    @torch.no_grad()
    def select(self, batch: Batch) -> Selection:
        """Choose a proposal for each click of a batch.

        Args:
            batch: images with bags.

        Raises:
            ValueError: the batch has no bags.
        """
        if batch.bags is None:
            raise ValueError("expected a batch with bags, found none")
        chosen: Selection = self.selection(
            self.features(batch.images), batch.bags, batch.image_sizes
        )
        return chosen

    @torch.no_grad()
    def select_and_segment(self, batch: Batch) -> tuple[Selection, list[Predictions]]:
        """Choose a proposal for each click, and segment the clicked categories of each image.

        Args:
            batch: images with bags.

        Raises:
            ValueError: the batch has no bags, or the network no segmenter.
        """
        if batch.bags is None:
            raise ValueError("expected a batch with bags, found none")
        features = self.features(batch.images)
        outputs = self.segmenter(features)
        clicked = [batch.bags.labels[batch.bags.image_index == i] for i in range(len(batch.images))]
        return (
            self.selection(features, batch.bags, batch.image_sizes),
            self.segmenter.predict(outputs, batch.image_sizes, batch.original_sizes, clicked),
        )

    @torch.no_grad()
    def segment(
        self, images: Tensor, image_sizes: Tensor, original_sizes: Tensor
    ) -> list[Predictions]:
        """Instances of new images; only backbone, pyramid and segmenter are used.

        Args:
            images: (B, 3, H, W) RGB, 0..255, padded to sides divisible by 32.
            image_sizes: (B, 2) (height, width) of the content in `images`.
            original_sizes: (B, 2) (height, width) of the files.

        Returns:
            One `Predictions` an image, original frame, best first.

        Raises:
            ValueError: the network has no segmenter.
        """
        outputs = self.segmenter(self.features(images))
        return self.segmenter.predict(outputs, image_sizes, original_sizes)

    def predict(
        self, image: str | Path | np.ndarray, *, score_threshold: float = 0.0
    ) -> sv.Detections:
        """Instances of one image.

        Args:
            image: a file, or (H, W, 3) uint8 RGB.
            score_threshold: least score of an instance that is returned.

        Returns:
            Detections in the original frame, best first; see `to_detections`.

        Raises:
            ValueError: the array is no RGB image, or the file cannot be read.
        """
        predictions = self.segment_pixels(read_pixels(image))
        return to_detections(predictions, self.categories, score_threshold)

    def segment_pixels(self, pixels: np.ndarray) -> Predictions:
        """Instances of one image as tensors on the network's device.

        Args:
            pixels: (H, W, 3) uint8 RGB.

        Returns:
            Instances in the original frame, best first.
        """
        view = evaluation_view((pixels.shape[0], pixels.shape[1]), self.settings.augment)
        with evaluating(self):
            (predictions,) = self.segment(
                view_image(pixels, view)[None].to(self.device),
                torch.tensor([view.input_size], device=self.device),
                torch.tensor([view.original_size], device=self.device),
            )
        return predictions


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """A module in evaluation mode, and afterwards back in the mode it was in."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)


def build_model(settings: ModelConfig, categories: Sequence[Category]) -> SAPNet:
    """A network ready for training: its backbone starts from the weights of the settings.

    Raises:
        FileNotFoundError: the backbone's weights are not where they were looked for.
    """
    model = SAPNet(settings, tuple(categories))
    load_weights(model.backbone, settings.backbone_config)
    return model
