"""Trained weights of a backbone: from a package, the hub, its cache, or a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.backbones.config import HUB_WEIGHTS, NO_WEIGHTS
from sapnet.backbones.imagenet import DISTRIBUTION, load_lite0_weights, packaged_weights
from sapnet.system.hub import check_hub
from sapnet.system.tensors import load_pickled, load_safetensors

if TYPE_CHECKING:
    from torch import nn

    from sapnet.backbones.backbone import Backbone
    from sapnet.backbones.config import BackboneConfig

MAX_MISSING_SHARE = 0.1
"""Share of the parameters that a weight file may lack; timm renames a few of some models."""

DETECTOR_PARTS = ("neck_", "bbox_head_", "mask_head_", "roi_head_", "rpn_head_", "backbone_bottom")
"""Beginnings of names, dots as underscores, in checkpoints of whole detectors."""

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names under which timm's weights lie on the hub."""


@dataclass(frozen=True)
class FoundWeights:
    """Source of the ImageNet weights of a backbone.

    Attributes:
        place: words for the user.
        is_at_hand: True if they are on this machine.
    """

    place: str
    is_at_hand: bool


def find_imagenet_weights(name: str) -> FoundWeights:
    """Find the ImageNet weights of a backbone, without a request to the hub.

    Args:
        name: model of timm.
    """
    import timm
    from huggingface_hub import try_to_load_from_cache

    if packaged_weights(name) is not None:
        return FoundWeights(f"of the package {DISTRIBUTION}", is_at_hand=True)
    known = timm.get_pretrained_cfg(name)
    repository = None if known is None else known.hf_hub_id
    if repository is None:
        return FoundWeights("which timm does not have", is_at_hand=False)
    if any(isinstance(try_to_load_from_cache(repository, file), str) for file in WEIGHT_FILES):
        return FoundWeights(f"of the hub's cache ({repository})", is_at_hand=True)
    return FoundWeights(f"from the hub ({repository})", is_at_hand=False)


def load_weights(backbone: Backbone, cfg: BackboneConfig) -> None:
    """Load the trained weights that a backbone's settings name.

    Args:
        backbone: built from the same settings; its parameters are overwritten.
        cfg: its `weights` is "imagenet" (from an installed package that has them, else from the
            hub or its cache), a file's path, or "none", which leaves the backbone as it is.

    Raises:
        FileNotFoundError: the weights are neither in the cache nor on the hub, or the file is
            missing.
        ValueError: the file holds the weights of another model.
    """
    import timm

    if cfg.weights == NO_WEIGHTS:
        return
    if cfg.weights == HUB_WEIGHTS and packaged_weights(cfg.name) is not None:
        _load_packaged(backbone)
        return
    overlay = None
    if cfg.weights != HUB_WEIGHTS:
        _check_file(backbone.body, cfg)
        overlay = {"file": cfg.weights}
    try:
        if overlay is None:
            _check_hub(backbone.body)
        donor = timm.create_model(
            cfg.name, features_only=True, pretrained=True, pretrained_cfg_overlay=overlay
        )
    except OSError as error:
        raise FileNotFoundError(
            f"model.weights: trained weights of {cfg.name} were found neither in the hub's "
            "cache nor on the hub. Give a weight file with --model.weights PATH, or train from "
            "scratch with --model.weights none"
        ) from error
    except RuntimeError as error:  # shapes that differ, or a model that has no trained weights
        raise ValueError(
            f"model.weights: {cfg.weights} does not give weights of timm's {cfg.name}: {error}"
        ) from error
    backbone.body.load_state_dict(donor.state_dict())


def _load_packaged(backbone: Backbone) -> None:
    """Load the weights of the installed package, without the end of its classifier."""
    wanted = backbone.body.state_dict()
    weights = load_lite0_weights()
    backbone.body.load_state_dict({name: weights[name] for name in wanted})


def _check_hub(body: nn.Module) -> None:
    """Raise an OSError at once if neither the hub's cache nor the hub has the weights.

    A download would retry for a minute before it gives up.
    """
    repository: str | None = body.pretrained_cfg.get("hf_hub_id")  # type: ignore[union-attr,operator]
    if repository is not None:
        check_hub(repository, WEIGHT_FILES)


def _check_file(body: nn.Module, cfg: BackboneConfig) -> None:
    """Raise an error if a file is missing or of another model; timm would go on."""
    from timm.models import load_state_dict

    expected = f"a .safetensors or .pth file of timm's {cfg.name}"
    if not Path(cfg.weights).is_file():
        raise FileNotFoundError(
            f"model.weights: no file at {cfg.weights}; expected {expected}, or 'imagenet' or 'none'"
        )
    # Read here first: timm before 1.0.13 would run what a pickle of a stranger holds.
    path = Path(cfg.weights)
    load = load_safetensors if path.suffix == ".safetensors" else load_pickled
    if not _names_tensors(load(path)):
        raise ValueError(f"model.weights: expected {expected}, found no names in {path}")
    # Models with features_only may have underscores where the whole model has dots.
    found = {name.replace(".", "_") for name in load_state_dict(cfg.weights, device="cpu")}
    wanted = [name.replace(".", "_").removeprefix("model_") for name, _ in body.named_parameters()]
    missing = [name for name in wanted if name not in found]
    if len(missing) > MAX_MISSING_SHARE * len(wanted) and any(
        name.startswith(DETECTOR_PARTS) for name in found
    ):
        raise ValueError(
            f"model.weights: expected {expected}; {cfg.weights} is the checkpoint of a whole "
            "detector, such as mmdetection's or detectron2's, whose backbone has other names. Give "
            "a file of the backbone alone, or 'imagenet' or 'none'"
        )
    if len(missing) > MAX_MISSING_SHARE * len(wanted):
        raise ValueError(
            f"model.weights: expected {expected}; {cfg.weights} lacks {len(missing)} of its "
            f"{len(wanted)} parameters, such as {missing[0]}. Name the model that the file is of "
            "with --model.backbone"
        )


def _names_tensors(content: object) -> bool:
    """Return True for a dictionary by name, or one in which timm finds such a dictionary."""
    found = [content]
    if isinstance(content, dict):
        averaged = [content.get(name) for name in ("state_dict_ema", "model_ema")]
        found += [entry for entry in averaged if entry is not None]
        found += [content[name] for name in ("state_dict", "model") if name in content]
    return all(isinstance(x, dict) and all(isinstance(n, str) for n in x) for x in found)
