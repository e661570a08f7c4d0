"""Settings of a training as a recipe of the command line."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig

NO_OPTIONS = ("other", "selects")
"""Settings of a network that other options decide."""


def recipe_text(cfg: TrainConfig, model: ModelConfig, **options: object) -> str:
    """Return a recipe of `sapnet train` with these settings and options."""
    settings = {name: value for name, value in asdict(model).items() if name not in NO_OPTIONS}
    return json.dumps({**asdict(cfg), "model": settings, **options})
