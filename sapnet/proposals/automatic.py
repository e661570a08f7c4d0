"""Choices where nothing is named: the proposer `auto`, and windows of large images."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sapnet.data.image_files.address import bands_words
from sapnet.data.tiles.advice import advise_tiles
from sapnet.data.tiles.grid import Parts, Tiling
from sapnet.proposals.checkpoint import CheckpointError, cached_checkpoints, find_cached
from sapnet.proposals.config import (
    ProposeConfig,
    ProposerName,
    RunConfig,
    StagedConfig,
    StagedName,
)
from sapnet.store.layout import StoreError
from sapnet.store.writer import find_manifest
from sapnet.system.locations import as_location

if TYPE_CHECKING:
    from sapnet.store.manifest import Manifest
    from sapnet.structures.clicks import ClickSet

logger = logging.getLogger(__name__)

WEIGHTS_SUFFIX = ".safetensors"
"""Ending of the files of weights of `click`."""


WHOLE_ONLY = ("file", "simulated")
"""Proposers whose masks are of whole images."""


@dataclass(frozen=True)
class AutoChoice:
    """The proposer that `auto` takes.

    Attributes:
        proposer: its name.
        checkpoint: its weights; None for its default, or where it has none.
        reason: why it, in a few words.
    """

    proposer: StagedName
    checkpoint: str | None
    reason: str

    def __str__(self) -> str:
        """Say in one line what was taken and why."""
        return describe_choice(self.proposer, self.checkpoint, self.reason)


def describe_choice(proposer: str, checkpoint: str | None, reason: str) -> str:
    """Say in one line which proposer was taken and why."""
    default = ", the embedded segmenter" if proposer == "click" else ""
    what = default if checkpoint is None else f", {checkpoint}"
    return f"proposer: {proposer}{what} (auto: {reason})"


def choose_proposer(checkpoint: str | None = None) -> AutoChoice:
    """Choose `sam` if weights of the SAM family are on this machine, else `click`.

    Nothing is fetched and nobody is asked.

    Args:
        checkpoint: weights that the user named; they decide.

    Raises:
        CheckpointError: the named weights are not on this machine.
    """
    if checkpoint is not None:
        return _choose_by_weights(checkpoint)
    cached = cached_checkpoints()
    if cached:
        return AutoChoice("sam", cached[0], "these weights are in the hub's cache")
    return AutoChoice("click", None, "the hub's cache holds no SAM-family checkpoint")


def settle_staged(cfg: StagedConfig) -> StagedConfig:
    """Replace the proposer `auto` by the one that it takes, and say which; leave others as is.

    Raises:
        CheckpointError: the named weights are not on this machine.
    """
    if cfg.proposer != "auto":
        return cfg
    choice = choose_proposer(cfg.checkpoint)
    logger.info("%s", choice)
    return replace(cfg, proposer=choice.proposer, checkpoint=choice.checkpoint)


def settle(cfg: ProposeConfig) -> ProposeConfig:
    """Replace the proposer `auto` by that of the begun store, else by the one that it takes.

    The line that says which is logged. Other proposers are left as they are.

    Raises:
        CheckpointError: weights that were named, or those of the store, are not on this machine.
        StoreError: the store is damaged, or was made by a proposer that has no name here.
    """
    if cfg.proposer != "auto":
        return cfg
    begun = find_manifest(cfg.out)
    if begun is not None:
        return _as_begun(cfg, begun)
    choice = choose_proposer(cfg.checkpoint)
    logger.info("%s", choice)
    return replace(cfg, proposer=choice.proposer, checkpoint=choice.checkpoint)


def require_on_this_machine(checkpoint: str) -> None:
    """Raise a CheckpointError unless the weights of `sam` are here without a download."""
    if not Path(checkpoint).expanduser().is_dir() and find_cached(checkpoint) is None:
        raise CheckpointError(
            f"{checkpoint}: expected a folder or weights in the hub's cache, found neither, and "
            "the proposer auto fetches nothing. Name --proposer sam, which does, or --proposer "
            "click, which needs no download."
        )


def _choose_by_weights(checkpoint: str) -> AutoChoice:
    path = Path(checkpoint).expanduser()
    if path.is_file() or (path.suffix == WEIGHTS_SUFFIX and not path.is_dir()):
        return AutoChoice("click", checkpoint, "these weights were named")
    require_on_this_machine(checkpoint)
    return AutoChoice("sam", checkpoint, "these weights were named")


def _as_begun(cfg: ProposeConfig, begun: Manifest) -> ProposeConfig:
    """Return the settings with the proposer of a store, and with its own settings not given."""
    names: tuple[ProposerName, ...] = get_args(ProposerName)
    name = next((n for n in names if n == begun.proposer and n != "auto"), None)
    if name is None:
        raise StoreError(
            f"{cfg.out}: expected a store of {', '.join(n for n in names if n != 'auto')}, found "
            f"one of {begun.proposer!r}. Continue it from Python, or give another --out."
        )
    checkpoint, count = cfg.checkpoint, cfg.num_proposals
    stored, stored_count = (begun.settings.get(k) for k in ("checkpoint", "num_proposals"))
    if checkpoint is None and isinstance(stored, str):
        checkpoint = stored
    if count is None and isinstance(stored_count, int):
        count = stored_count
    if name == "sam" and checkpoint is not None:
        require_on_this_machine(checkpoint)
    logger.info("%s", describe_choice(name, checkpoint, f"{cfg.out} was begun with it"))
    return replace(cfg, proposer=name, checkpoint=checkpoint, num_proposals=count)


def check_tiles_with(proposer: str) -> None:
    """Raise a ValueError for a proposer that has no masks of windows."""
    if proposer in WHOLE_ONLY:
        raise ValueError(
            f"--tile and --bands: the proposer {proposer} has masks of whole images. Leave the "
            "options out, or use another proposer."
        )


def settle_parts(cfg: ProposeConfig, clicks: ClickSet, run: RunConfig) -> RunConfig:
    """Choose windows and bands where none are named.

    They are those of a begun store, else windows as advised, and the bands of the clicks.

    Args:
        cfg: settings as given; the proposer is settled.
        clicks: the data set.
        run: settings of the pass.

    Returns:
        The settings of the pass with the windows and bands.
    """
    found = find_manifest(as_location(cfg.out))
    stored = None if found is None else Parts.from_settings(found.settings)
    if cfg.bands is None and cfg.proposer not in WHOLE_ONLY:
        bands = clicks.bands if stored is None else stored.bands
        if clicks.bands not in ((), bands):
            logger.warning(
                "%s was begun with %s and goes on with them, not with %s that the clicks note: "
                "those need another --out",
                cfg.out,
                bands_words(bands),
                bands_words(clicks.bands),
            )
        run = replace(run, parts=replace(run.parts, bands=bands))
    if cfg.tile is not None:
        return run
    if stored is not None:
        tiling = stored.tiling
        if tiling is not None and cfg.overlap is not None:
            tiling = Tiling(tiling.size, cfg.overlap)
        return replace(run, parts=replace(run.parts, tiling=tiling))
    advice = advise_tiles(clicks.images, clicks.clicks)
    is_local = isinstance(as_location(cfg.images), Path) and Path(cfg.images).is_dir()
    if advice is None or cfg.proposer in WHOLE_ONLY or not is_local:
        return run
    logger.info(
        "%s: they are read in windows of %d px; --tile 0 keeps images whole",
        advice.reason,
        advice.size,
    )
    return replace(run, parts=replace(run.parts, tiling=Tiling.of(advice.size, cfg.overlap)))
