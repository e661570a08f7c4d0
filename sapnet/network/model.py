"""Network: backbone, feature pyramid, selection and segmenter put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

import torch
from huggingface_hub import PyTorchModelHubMixin
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from sapnet.backbones.backbone import Backbone
from sapnet.backbones.weights import load_weights
from sapnet.batches.config import AugmentConfig
from sapnet.network.config import EMBEDDED_START, ModelConfig
from sapnet.network.find import check_network, damaged_network
from sapnet.network.others import build_segmenter, load_checkpoint
from sapnet.network.start import load_start
from sapnet.segmentation.others.ignoring import regions_spared
from sapnet.segmentation.others.mask2former import Mask2Former
from sapnet.segmentation.others.mask_rcnn import MaskRCNN
from sapnet.segmentation.solov2 import SOLOv2
from sapnet.selection.branch import SelectionBranch
from sapnet.selection.targets import instance_targets, keep_labels
from sapnet.structures.batch import Batch
from sapnet.structures.clicks import Category
from sapnet.structures.outputs import Predictions, Selection
from sapnet.structures.seen import SeenObjects, avoided_regions, hold_points
from sapnet.system.files import new_file_mode
from sapnet.system.from_json import dataclass_from_json

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
"""Template of the README that `save_pretrained` writes beside the weights."""

CODERS = {tuple: (lambda categories: [asdict(c) for c in categories], tuple)}
"""Encoder and decoder of the categories in `config.json`; subclasses must pass it on."""


@dataclass(frozen=True)
class TrainingOutput:
    """Losses and selection of a training step.

    Attributes:
        losses: scalar float32 tensors by name, already weighted; training minimizes their sum.
        selection: the chosen proposals if masks come from clicks; else None.
    """

    losses: dict[str, Tensor]
    selection: Selection | None

    @property
    def total(self) -> Tensor:
        """Sum of the losses (Eq. 9)."""
        return torch.stack(list(self.losses.values())).sum()


class Network(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="sapnet",
    paper_url="https://arxiv.org/abs/2312.15895",
    pipeline_tag="image-segmentation",
    model_card_template=MODEL_CARD,
    tags=["instance-segmentation", "point-supervision"],
    coders=CODERS,
):
    """The network that is trained.

    Its weights are random after construction. `build_model` loads trained weights into the
    backbone; `from_pretrained` loads a whole trained network from a folder or the hub.

    Args:
        settings: a `ModelConfig`, or the dictionary that `save_pretrained` wrote of one.
        categories: C categories, or dictionaries of their fields; a label is an index into them.
    """

    source: str | None = None
    """Folder or hub name that `from_pretrained` has loaded it from."""

    def __init__(
        self,
        settings: ModelConfig | dict[str, Any],
        categories: tuple[Category | dict[str, Any], ...],
    ) -> None:
        super().__init__()
        if isinstance(settings, dict):
            settings = dataclass_from_json(settings, ModelConfig)
        self.settings = settings
        self.categories = tuple(c if isinstance(c, Category) else Category(**c) for c in categories)
        if not self.categories:
            raise ValueError("expected at least one category, found none")
        self.other: MaskRCNN | Mask2Former | None = None
        self.segmentation: SOLOv2 | None = None
        if settings.other is not None:
            self.other = build_segmenter(settings, len(self.categories))
            return
        self.backbone = Backbone(settings.backbone_config)
        self.fpn = FeaturePyramidNetwork(
            self.backbone.channels, settings.fpn_channels, extra_blocks=LastLevelMaxPool()
        )
        self.selection = SelectionBranch(
            len(self.categories), settings.fpn_channels, settings.selection
        )
        if settings.segmenter:
            self.segmentation = SOLOv2(
                len(self.categories), settings.fpn_channels, settings.segmentation
            )

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        **options: Any,  # noqa: ANN401
    ) -> Self:
        """Load a trained network from a folder or from the hub, in evaluation mode.

        Args:
            pretrained_model_name_or_path: run folder, folder of `save_pretrained`, or USER/NAME on
                the hub.
            options: those of `huggingface_hub.ModelHubMixin.from_pretrained`, such as `revision`,
                `cache_dir`, `token` and `local_files_only`.

        Raises:
            FileNotFoundError: there is no trained network in the folder, or neither a folder nor a
                network on the hub of this name. The hub has a few seconds to answer.
            ValueError: a file of the network is damaged.
        """
        if not options.get("local_files_only"):
            kept = ("revision", "cache_dir", "token")
            search = {name: options[name] for name in kept if name in options}
            check_network(pretrained_model_name_or_path, **search)
        try:
            options.setdefault("strict", True)  # else what is missing stays random
            with redirect_stdout(None):  # huggingface-hub prints that it loads
                network: Self = super().from_pretrained(pretrained_model_name_or_path, **options)
        except (FileNotFoundError, OfflineModeIsEnabled, HfHubHTTPError):
            raise
        except Exception as error:  # of files that may hold anything
            raise damaged_network(pretrained_model_name_or_path, error) from error
        network.source = str(pretrained_model_name_or_path)
        return network.eval()  # some releases of huggingface-hub leave it training

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the weights with the mode of any other new file; safetensors hides them."""
        super()._save_pretrained(save_directory)
        for path in save_directory.glob("*.safetensors"):
            path.chmod(new_file_mode())

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""
        return next(self.parameters()).device

    @property
    def augment(self) -> AugmentConfig:
        """Sizes of the input."""
        return self.settings.augment

    def check_segments(self) -> None:
        """Raise a ValueError if the network was built without a segmenter."""
        if self.other is None:
            _ = self.segmenter

    def check_selects(self) -> None:
        """Raise a ValueError if the network has no trained selection that chooses masks."""
        if self.other is not None or self.settings.selects is False:
            raise ValueError(
                f"this network is {self._title}, trained on masks: it segments (`sapnet predict`) "
                "and cannot choose masks for clicks. Name a run that was trained on clicks; "
                "`sapnet label --voter` lets this one vote"
            )

    @property
    def segmenter(self) -> SOLOv2:
        """The segmenter, SOLOv2.

        Raises:
            ValueError: the network was built without one.
        """
        if self.other is not None:
            raise ValueError(
                f"this network is {self._title}: `sapnet export` knows SOLOv2 alone. Export a run "
                "of --segmenter solov2 on the same masks, or predict with this run itself"
            )
        if self.segmentation is None:
            raise ValueError(
                "this network was trained with model.segmenter false: it chooses masks for clicks "
                "(`sapnet label`) and cannot segment. Train a segmenter on those labels with "
                "`sapnet train --supervision masks --masks labels.json`"
            )
        return self.segmentation

    @property
    def _title(self) -> str:
        """Name of the segmenter."""
        return "solov2" if self.settings.other is None else self.settings.other.name

    def features(self, images: Tensor) -> list[Tensor]:
        """Compute the feature pyramid of a batch.

        Args:
            images: (B, 3, H, W) RGB, 0..255, sides divisible by 32.

        Returns:
            P2..P6, strides 4 to 64, each (B, fpn_channels, h, w).
        """
        named = {str(i): f for i, f in enumerate(self.backbone(images))}
        return list(self.fpn(named).values())

    def forward(
        self,
        batch: Batch,
        generator: torch.Generator | None = None,
        kept: Tensor | None = None,
        seen: SeenObjects | None = None,
    ) -> TrainingOutput:
        """Compute the losses of a batch, from clicks (`batch.bags`) or masks (`batch.targets`).

        Without a segmenter these are the losses of the selection alone.

        Args:
            batch: images with bags or targets.
            generator: source of the random negatives, on the batch's device.
            kept: (N,) int64, labels of the N bags that stay, as their places in the bags; -1 where
                there is none. With it, the segmenter learns from these alone, without runners-up,
                and selection learns without changing the features. None: selection chooses.
            seen: objects that a steadier network sees in partial images; those that were not
                clicked are neither learned as background nor drawn as negatives. None for none.

        Raises:
            ValueError: the batch has neither bags nor targets, or targets and no segmenter.
        """
        if self.other is not None:
            if batch.targets is None:
                raise ValueError(f"{self._title} learns from masks: expected a batch with targets")
            with regions_spared(self.other, batch.gaps):
                found = self.other.losses(batch.images, batch.image_sizes, batch.targets)
            return TrainingOutput(found, None)
        features = self.features(batch.images)
        selection, losses, cfg = None, {}, self.settings.selection
        gaps, avoid = batch.gaps, None
        if batch.bags is not None:
            if seen is not None:
                bags = batch.bags
                seen = seen.select(~hold_points(seen, bags.points, bags.image_index))
            if gaps is not None:
                number = len(gaps.partial)
                avoid = avoided_regions(gaps.masks, gaps.image_index, number, seen)
            levels = features if kept is None else [level.detach() for level in features]
            selection = self.selection(levels, batch.bags, batch.image_sizes, generator, avoid)
            losses.update(selection.losses)
            if self.segmentation is None:
                return TrainingOutput(losses, selection)
            if kept is not None:
                selection = keep_labels(batch.bags, selection, kept)
                cfg = replace(cfg, multi_mask=replace(cfg.multi_mask, enabled=False))
            targets = instance_targets(batch.bags, selection, cfg)
        elif batch.targets is not None:
            targets = batch.targets
        else:
            raise ValueError("expected a batch with bags or targets, found neither")
        outputs = self.segmenter(features)
        open_cells = (
            None if gaps is None else self.segmenter.left_out_cells(outputs, targets, gaps, seen)
        )
        loss = self.segmenter.loss(outputs, targets, cfg.multi_mask.weight, left_out=open_cells)
        return TrainingOutput(losses | loss, selection)

    @torch.no_grad()
    def select(self, batch: Batch) -> Selection:
        """Choose a proposal for each click of a batch.

        Args:
            batch: images with bags.

        Raises:
            ValueError: the batch has no bags.
        """
        self.check_selects()
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
        self.check_selects()
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
        """Segment images in evaluation mode; only backbone, pyramid and segmenter are used.

        Args:
            images: (B, 3, H, W) RGB, 0..255, padded to sides divisible by 32.
            image_sizes: (B, 2) (height, width) of the content in `images`.
            original_sizes: (B, 2) (height, width) of the files.

        Returns:
            One `Predictions` an image, original frame, best first.

        Raises:
            ValueError: the network has no segmenter.
        """
        with evaluating(self):
            if self.other is not None:
                return self.other.predict(images, image_sizes, original_sizes)
            outputs = self.segmenter(self.features(images))
            return self.segmenter.predict(outputs, image_sizes, original_sizes)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Set a module to evaluation mode, and restore its mode afterwards."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)


def build_model(settings: ModelConfig, categories: Sequence[Category]) -> Network:
    """Build a network for training; it begins with the weights that its settings name.

    Raises:
        FileNotFoundError: the weights are missing.
        ValueError: they are those of another network.
    """
    model = Network(settings, tuple(categories))
    load_initial_weights(model)
    return model


def load_initial_weights(model: Network) -> str:
    """Load the weights that a training begins with, as the settings of its network name them.

    Args:
        model: changed in place.

    Returns:
        A line about the classes of a checkpoint; empty without one.

    Raises:
        FileNotFoundError: the weights are missing.
        ValueError: they are those of another network.
    """
    settings = model.settings
    if model.other is not None and not settings.has_own_backbone:
        return load_checkpoint(model.other, settings, model.categories)
    stem = model if model.other is None else model.other.encoder
    load_weights(cast("Backbone", stem.backbone), settings.backbone_config)
    if settings.start == EMBEDDED_START:
        load_start(stem, settings)
    return ""
