"""Preview the complete settings of a training, without training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sapnet.network.start import settle_start
from sapnet.training.defaults import ChosenSettings, choose_settings
from sapnet.training.training_set import open_training_set

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig
    from sapnet.training.inputs import TrainInputs


def preview_settings(
    inputs: TrainInputs, model_cfg: ModelConfig, cfg: TrainConfig
) -> ChosenSettings:
    """Choose the settings that are left open, as far as the given files allow.

    Args:
        inputs: files; without proposals or masks, settings that depend on the data stay open.
        model_cfg: the network.
        cfg: the training.

    Raises:
        ValueError: a file is unfit.
    """
    if (inputs.masks if cfg.supervision == "masks" else inputs.proposals) is not None:
        return choose_settings(open_training_set(inputs, cfg).source, model_cfg, cfg)
    optimizer = cfg.optimizer.settled(cfg.batch_size, cfg.epochs)
    model_cfg, _ = settle_start(model_cfg)
    return ChosenSettings(model_cfg, replace(cfg, optimizer=optimizer))
