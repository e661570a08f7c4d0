"""Enhance clicks: train on them, and write them again with a box each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from sapnet.batches.parts import with_parts
from sapnet.data.clicks import save_clicks
from sapnet.data.image_files.depth import depth_line, find_depth
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.enhancement.config import EnhanceConfig, EnhancerConfig
from sapnet.enhancement.data import ClickImages, click_loader
from sapnet.enhancement.training import TrainedEnhancer, load_enhancer, train_enhancer
from sapnet.enhancement.windows import EstimatedBox, read_windowed
from sapnet.selection.sampling import clip_boxes
from sapnet.structures.clicks import Category, Click, ClickSet
from sapnet.system.version import __version__
from sapnet.training.loop.announce import announce


@dataclass(frozen=True)
class EnhanceInputs:
    """Files of an enhancement.

    Attributes:
        images: folder of the clicked images.
        clicks: clicks file.
        out: clicks file to write.
        run: folder of the training; `OUT_enhancer` beside `out` if not given.
        trained: folder of a finished training whose network is used; None trains one.
    """

    images: Path
    clicks: Path
    out: Path
    run: Path | None = None
    trained: Path | None = None

    def __post_init__(self) -> None:
        if self.run is not None and self.trained is not None:
            raise ValueError(
                "expected --run, to train in, or --trained, to train nothing, found both"
            )

    @property
    def run_folder(self) -> Path:
        """The folder of the training."""
        return self.run or self.out.with_name(f"{self.out.stem}_enhancer")


@dataclass(frozen=True)
class EnhanceSummary:
    """Result of an enhancement.

    Attributes:
        out: the clicks file written.
        run: the folder of the network.
        num_estimated: clicks with an estimated box.
        num_known: clicks with a known box or mask.
    """

    out: Path
    run: Path
    num_estimated: int
    num_known: int


def enhance(inputs: EnhanceInputs, model_cfg: EnhancerConfig, cfg: EnhanceConfig) -> EnhanceSummary:
    """Train on the clicks, and write them again with a box each, as `sapnet enhance`.

    Clicks with a known box or mask take part in training and keep what they have. Boxes that an
    earlier run estimated are replaced.

    Raises:
        ValueError: files or settings do not fit together.
        FileNotFoundError: a file, or the backbone's weights, are missing.
    """
    with allowing_pixels(cfg.max_pixels):
        return _enhance(inputs, model_cfg, cfg)


def _enhance(
    inputs: EnhanceInputs, model_cfg: EnhancerConfig, cfg: EnhanceConfig
) -> EnhanceSummary:
    trained = None if inputs.trained is None else load_enhancer(inputs.trained, cfg.device)
    augment = model_cfg.augment if trained is None else trained.model.cfg.augment
    clicks = read_windowed(
        inputs.clicks, inputs.images, cfg, augment, is_trained=trained is not None
    )
    if not clicks.whole.clicks:
        raise ValueError(f"{inputs.clicks}: expected clicks to learn from, found none. Click some.")
    announce(clicks.reasons)
    bits = _find_bits(cfg.bits or augment.bits, inputs.images, clicks.whole)
    augment = with_parts(replace(augment, bits=bits), clicks.parts)
    run = inputs.trained or inputs.run_folder
    if trained is None:
        model_cfg = replace(model_cfg, augment=augment)
        learned = without_estimates(clicks.seen)
        trained = train_enhancer(inputs.images, learned, run, model_cfg, cfg)
    dataset = ClickImages(inputs.images, clicks.seen, augment, seed=None)
    boxes = estimate_boxes(trained, dataset, clicks.whole.categories, cfg.batch_size, cfg.workers)
    enhanced = with_estimates(clicks.whole, clicks.in_images(boxes))
    enhanced = replace(enhanced, bands=clicks.parts.bands)
    info = {"enhanced_by": f"sapnet {__version__}", "clicks": inputs.clicks.name, "run": str(run)}
    save_clicks(inputs.out, enhanced, info)
    num_estimated = sum(click.box_score is not None for click in enhanced.clicks)
    return EnhanceSummary(inputs.out, run, num_estimated, len(clicks.whole.clicks) - num_estimated)


def _find_bits(given: int | None, images: Path, clicks: ClickSet) -> int | None:
    """Return the bit depth: as given, or that of the largest value of the images."""
    bits = given or find_depth(images / image.file_name for image in clicks.images)
    announce(line for line in (depth_line(bits, given is not None),) if line)
    return bits


@torch.no_grad()
def estimate_boxes(
    trained: TrainedEnhancer,
    dataset: ClickImages,
    categories: Sequence[Category],
    batch_size: int,
    workers: int,
) -> dict[int, EstimatedBox]:
    """Estimate a box for every click, in the frame of the images of the data set.

    Args:
        trained: the enhancer.
        dataset: clicked images without random variation.
        categories: those of the clicks.
        batch_size: images at a time.
        workers: processes that load images.

    Returns:
        Boxes by annotation id.

    Raises:
        ValueError: the clicks have other categories than the enhancer knows.
    """
    from tqdm import tqdm

    same = sorted((c.category_id, c.name) for c in categories) == sorted(
        (c.category_id, c.name) for c in trained.categories
    )
    if not same:
        known = ", ".join(category.name for category in trained.categories)
        raise ValueError(
            f"expected clicks of the categories that the enhancer was trained on ({known}), with "
            "the same names and ids, found others. Train one on these clicks: leave out --trained"
        )
    loader = click_loader(dataset, batch_size, workers=workers, shuffle=False)
    device = next(trained.model.parameters()).device
    found: dict[int, EstimatedBox] = {}
    for batch in tqdm(loader, desc="boxes"):
        output = trained.model.estimate(batch.to(device))
        boxes, scores = output.boxes.cpu(), output.scores.cpu()
        sizes = batch.original_sizes[batch.image_index]
        scale = (sizes / batch.image_sizes[batch.image_index]).flip(1).repeat(1, 2)
        boxes = clip_boxes((boxes * scale)[:, None], sizes)[:, 0]
        for annotation_id, (x1, y1, x2, y2), score in zip(
            batch.annotation_ids.tolist(), boxes.tolist(), scores.tolist(), strict=True
        ):
            found[annotation_id] = EstimatedBox((x1, y1, x2, y2), min(max(score, 0.0), 1.0))
    return found


def without_estimates(clicks: ClickSet) -> ClickSet:
    """Remove boxes that were estimated before."""
    return replace(clicks, clicks=tuple(_without_estimate(click) for click in clicks.clicks))


def with_estimates(clicks: ClickSet, boxes: dict[int, EstimatedBox]) -> ClickSet:
    """Add estimated boxes to the clicks that have no known box or mask.

    Args:
        clicks: the clicks.
        boxes: by annotation id; clicks without an entry lose an earlier estimate.
    """

    def enhanced(click: Click) -> Click:
        bare = _without_estimate(click)
        estimate = boxes.get(click.annotation_id)
        if estimate is None or bare.box is not None or bare.mask is not None:
            return bare
        return replace(bare, box=estimate.box, box_score=estimate.score)

    return replace(clicks, clicks=tuple(enhanced(click) for click in clicks.clicks))


def _without_estimate(click: Click) -> Click:
    return click if click.box_score is None else replace(click, box=None, box_score=None)
