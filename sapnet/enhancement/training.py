"""Train the enhancer on clicked images, and load a trained one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import lightning
import torch

from sapnet.backbones.weights import load_weights
from sapnet.enhancement.config import EnhancerConfig
from sapnet.enhancement.data import ClickImages, EnhancerData
from sapnet.enhancement.enhancer import Enhancer
from sapnet.enhancement.module import NETWORK, EnhancerModule
from sapnet.enhancement.old_checkpoint import convert_old_checkpoint
from sapnet.store.manifest import fingerprint
from sapnet.structures.clicks import Category, ClickSet
from sapnet.system.device import choose_device
from sapnet.system.files import read_json
from sapnet.system.from_json import dataclass_from_json
from sapnet.system.lock import locked
from sapnet.system.outside import shown
from sapnet.training.loop.announce import announce, start_line
from sapnet.training.loop.fit import LoopConfig, fit
from sapnet.training.loop.launch import single_process
from sapnet.training.run_folder import FREE_TO_CHANGE, RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from sapnet.enhancement.config import EnhanceConfig

SETTINGS = "enhancer.json"
"""File of a run folder with the settings and the clicks that the enhancer was trained on."""


@dataclass(frozen=True)
class TrainedEnhancer:
    """A network that estimates boxes, and its categories.

    Attributes:
        model: the network in evaluation mode.
        categories: C categories; a label is an index into them.
    """

    model: Enhancer
    categories: tuple[Category, ...]


def train_enhancer(
    images_dir: Path, clicks: ClickSet, run: Path, model_cfg: EnhancerConfig, cfg: EnhanceConfig
) -> TrainedEnhancer:
    """Train an enhancer on clicks alone, or resume the unfinished training in `run`.

    Args:
        images_dir: the folder that the file names are relative to.
        clicks: clicks on upright images, at least one.
        run: folder of the training.
        model_cfg: the network.
        cfg: the training.

    Raises:
        ValueError: `run` holds a training of other settings or clicks; or there is no click.
        FileNotFoundError: the backbone's weights are missing.
        FloatingPointError: a loss or a gradient is not finite.
    """
    if not clicks.clicks:
        raise ValueError("expected clicks to learn from, found none. Click on some objects first.")
    with locked(run):
        return _train(images_dir, clicks, run, model_cfg, cfg)


def _train(
    images_dir: Path, clicks: ClickSet, run: Path, model_cfg: EnhancerConfig, cfg: EnhanceConfig
) -> TrainedEnhancer:
    folder = _run_folder(run)
    convert_old_checkpoint(folder, run / NETWORK)
    checkpoint = folder.begin(_describe_run(clicks, model_cfg, cfg))
    if checkpoint is not None and folder.finished_figures() is not None:
        announce([f"{run} is finished ({cfg.epochs} epochs); nothing to train"])
        return load_enhancer(run, cfg.device)
    lightning.seed_everything(cfg.seed, workers=True, verbose=False)
    model = Enhancer(len(clicks.categories), model_cfg)
    load_weights(model.backbone, model_cfg.network().backbone_config)
    data = EnhancerData(ClickImages(images_dir, clicks, model_cfg.augment, cfg.seed), cfg)
    module = EnhancerModule(model, cfg, data.steps_per_epoch())
    facts = f"enhancer of {len(clicks.clicks)} clicks on {len(data.dataset)} images"
    announce([start_line(model, facts, cfg, checkpoint)])
    loop = LoopConfig(
        epochs=cfg.epochs,
        steps_per_epoch=data.steps_per_epoch(),
        device=cfg.device,
        precision="32",
        clip_norm=cfg.optimizer.clip_norm,
        checkpoint_minutes=cfg.checkpoint_minutes,
        checkpoint=checkpoint,
    )
    fit(module, data, folder, loop, single_process())
    return TrainedEnhancer(model.to(choose_device(cfg.device)).eval(), clicks.categories)


def load_enhancer(run: Path, device: str) -> TrainedEnhancer:
    """Load the enhancer of a run folder.

    Args:
        run: folder written by `train_enhancer`.
        device: name of the device, as `choose_device` takes it.

    Raises:
        FileNotFoundError: the folder holds no trained network.
    """
    for name in (SETTINGS, NETWORK):
        if not (run / name).is_file():
            raise FileNotFoundError(
                f"{run}: expected a trained enhancer, found no {name}. Train one with "
                "`sapnet enhance --run`, or name the folder of another one."
            )
    described = read_json(run / SETTINGS)
    chosen = choose_device(device)
    try:
        categories = tuple(Category(**category) for category in described["categories"])
        model_cfg = dataclass_from_json(described["model"], EnhancerConfig)
        model = Enhancer(len(categories), model_cfg).to(chosen)
        saved = torch.load(run / NETWORK, map_location=chosen, weights_only=True)
        model.load_state_dict(saved["model"])
    except Exception as error:  # of a file that may hold anything
        raise ValueError(
            f"{run}: {SETTINGS} or {NETWORK} is damaged ({shown(str(error))}). Delete the folder, "
            "and train again with `sapnet enhance --run`."
        ) from error
    return TrainedEnhancer(model.eval(), categories)


def _run_folder(run: Path) -> RunFolder:
    return RunFolder(
        run,
        settings_name=SETTINGS,
        holds="an enhancer of other settings or clicks",
        advice="Give another --run, delete that folder, or apply it with --trained",
    )


def _describe_run(
    clicks: ClickSet, model_cfg: EnhancerConfig, cfg: EnhanceConfig
) -> dict[str, Any]:
    """Return everything that the weights of a run depend on."""
    described = asdict(model_cfg)
    if model_cfg.bags == EnhancerConfig.bags:
        del described["bags"]  # as in runs that were begun before it was a setting
    return {
        "clicks": fingerprint(clicks),
        "categories": [asdict(category) for category in clicks.categories],
        "model": described,
        "train": {k: v for k, v in asdict(cfg).items() if k not in FREE_TO_CHANGE},
    }
