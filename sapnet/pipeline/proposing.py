"""Proposals for a data set, as `sapnet propose` makes them: with a proposer adapted to it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.clicked_images import check_whole_images
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.tiles.clicks import tile_clicks
from sapnet.proposals.automatic import settle, settle_parts
from sapnet.proposals.build import build_proposer
from sapnet.proposals.depth import find_source_depth
from sapnet.proposals.propose import (
    check_any_click,
    check_each_image,
    default_workers,
    propose_dataset,
)
from sapnet.proposals.sources import open_images
from sapnet.store.layout import WEIGHTS_NAME
from sapnet.store.part import Part
from sapnet.store.writer import find_manifest
from sapnet.structures.coverage import mark_unmarked
from sapnet.system.locations import as_location, local_file
from sapnet.teaching.adapting.config import AdaptConfig, is_wanted

if TYPE_CHECKING:
    from sapnet.proposals.config import ProposeConfig, RunConfig
    from sapnet.proposals.propose import ProposeSummary
    from sapnet.structures.clicks import ClickSet

logger = logging.getLogger(__name__)

WORK = ".adapting"
"""Hidden folder of an adaptation in the folder of the store."""


def propose(cfg: ProposeConfig) -> ProposeSummary:
    """Read the clicks, adapt and build the proposer, and propose; `sapnet propose` calls this.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a setting, click, image or store is wrong.
    """
    from sapnet.data.clicks import load_clicks

    cfg = settle(cfg)
    run = cfg.run()
    with local_file(cfg.clicks) as path:
        clicks = load_clicks(path)
    check_any_click(clicks)
    if cfg.unmarked is not None:
        image_ids = (image.image_id for image in clicks.images)
        categories = (category.category_id for category in clicks.categories)
        marked = mark_unmarked(clicks.coverage, image_ids, categories, cfg.unmarked)
        clicks = replace(clicks, coverage=marked)
    run = settle_parts(cfg, clicks, run)
    if run.engine == "local" and run.workers is None:
        run = replace(run, workers=default_workers(cfg.proposer, len(clicks.clicks)))
    weights = adapted_weights(cfg, clicks, run)
    if weights is not None:
        cfg = replace(cfg, checkpoint=str(weights))
    return propose_dataset(cfg.images, clicks, cfg.out, build_proposer(cfg, clicks), run)


def adapted_weights(cfg: ProposeConfig, clicks: ClickSet, run: RunConfig) -> Path | None:
    """Return weights of `click` that are adapted to a data set; None to go on without.

    A begun store keeps what it was begun with.

    Args:
        cfg: settings; the proposer is settled.
        clicks: the data set.
        run: settings of the pass over the images, settled.

    Raises:
        ValueError: it was asked for, and is not possible.
    """
    if not is_wanted(cfg.adapt, cfg.checkpoint):
        return None
    store = as_location(cfg.out)
    if isinstance(store, Path) and cfg.proposer == "click":
        kept = store / WEIGHTS_NAME
        if kept.is_file():
            logger.info("click goes on as it was adapted to these images: %s", kept)
            return kept
    obstacle = _obstacle(cfg, clicks, run)
    if obstacle and cfg.adapt:
        raise ValueError(f"--adapt: {obstacle}. Leave it out.")
    if find_manifest(store) is not None:
        return None
    if obstacle:
        if cfg.proposer == "click":
            logger.info("click is not adapted to these images: %s", obstacle)
        return None
    return _adapt(cfg, clicks, run)


def _obstacle(cfg: ProposeConfig, clicks: ClickSet, run: RunConfig) -> str | None:
    """Say why a proposer cannot be adapted; None if it can."""
    if cfg.proposer != "click":
        return f"expected the proposer click, found {cfg.proposer}"
    if run.engine != "local" or run.part != Part():
        return "expected one run of this machine for the whole store, found a part or a cluster"
    if not isinstance(as_location(cfg.out), Path) or open_images(cfg.images).local_folder is None:
        return "expected images in a folder and a store on this machine, found others"
    if len(clicks.clicks) < AdaptConfig.min_clicks:
        return f"expected {AdaptConfig.min_clicks} clicks or more, found {len(clicks.clicks)}"
    return None


def _adapt(cfg: ProposeConfig, clicks: ClickSet, run: RunConfig) -> Path | None:
    """Adapt the weights to images and clicks of this machine; return those that are better."""
    from sapnet.proposals.click.weights import embedded_weights
    from sapnet.teaching.adapting.adapt import AdaptInputs, adapt

    start = embedded_weights() if cfg.checkpoint is None else Path(cfg.checkpoint).expanduser()
    source, store = open_images(cfg.images), Path(as_location(cfg.out))
    images = source.local_folder or Path(cfg.images)
    out = store / WEIGHTS_NAME
    with allowing_pixels(run.max_pixels):
        bits = run.bits or find_source_depth(source, clicks)
        if run.parts:
            whole, _ = check_each_image(clicks, images, True, check_whole_images)
            clicks = tile_clicks(whole, run.parts)
        inputs = AdaptInputs(images, clicks, bits, run.max_pixels, run.workers or 1)
        return out if adapt(start, inputs, out, store / WORK) else None
