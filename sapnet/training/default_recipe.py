"""Choose the recipe of a training for which the user names none."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sapnet.network.config import ModelConfig
from sapnet.recipes.load import METHOD_KEY, load_recipe
from sapnet.system.device import choose_device
from sapnet.training.config import TrainConfig
from sapnet.training.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CPU_RECIPE = "small_images_cpu"
"""Recipe of a training on the CPU."""

EARLIER_CPU_RECIPE = "earlier/small_images_cpu"
"""What that recipe was before the embedded segmenter."""

NOTE = (
    f"no GPU and no recipe given: this takes the recipe {CPU_RECIPE}. The recipe `defaults` is a "
    "ResNet-50 on images of 800 px"
)
"""Line for the user, where that recipe is taken."""

FINE_TUNING = {"mask-rcnn": "supervised/mask_rcnn", "mask2former": "supervised/mask2former"}
"""Recipes of trainings that begin with the weights of a whole segmenter."""


def note_on(recipe: str) -> str:
    """Return the line for the user about a recipe that was chosen."""
    if recipe in FINE_TUNING.values():
        return f"no recipe given: this takes the recipe {recipe}"
    return NOTE


def default_recipe(device: str, run: Path, segmenter: str | None = None) -> str | None:
    """Choose the recipe of a training for which none is named.

    Args:
        device: name of the device, as `choose_device` takes it.
        run: run folder. An unfinished run in it that was begun with other settings keeps them.
        segmenter: name of the segmenter whose trained weights the training begins with; None
            without.

    Returns:
        The name of a recipe; None for the defaults.
    """
    if segmenter in FINE_TUNING:
        return FINE_TUNING[segmenter]
    try:
        chosen = choose_device(device)
    except ValueError:  # the training will say what is wrong with it
        return None
    if chosen.type != "cpu":
        return None
    stored = RunFolder(run).stored_settings()
    if stored is None:
        return CPU_RECIPE
    if not _was_begun_with(stored, load_recipe(CPU_RECIPE)):
        return None
    return EARLIER_CPU_RECIPE if _is_earlier(stored) else CPU_RECIPE


def _is_earlier(stored: dict[str, Any]) -> bool:
    """Return True if a stored run has all settings in which the earlier recipe was different."""
    begun = dict(_flat({**stored.get("train", {}), "model": stored.get("model", {})}))
    now = dict(_flat(load_recipe(CPU_RECIPE)))
    earlier = dict(_flat(load_recipe(EARLIER_CPU_RECIPE)))
    return all(begun.get(name) == v for name, v in earlier.items() if now.get(name) != v)


def _was_begun_with(stored: dict[str, Any], recipe: dict[str, Any]) -> bool:
    """Return True if a stored run was begun with a recipe, False if with the defaults.

    Options on the command line may have replaced some settings of either. Therefore the settings
    in which the two differ are counted.
    """
    begun = dict(_flat({**stored.get("train", {}), "model": stored.get("model", {})}))
    usual = json.loads(json.dumps({**asdict(TrainConfig()), "model": asdict(ModelConfig())}))
    defaults = dict(_flat(usual))
    named = {k: v for k, v in _flat(recipe) if k != METHOD_KEY and defaults.get(k) != v}
    as_recipe = sum(begun.get(name) == value for name, value in named.items())
    as_default = sum(begun.get(name) == defaults.get(name) for name in named)
    return bool(as_recipe > as_default)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested settings under their dotted names."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
