"""The demo: labels, a trained segmenter, figures and a report from synthetic images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.batches.config import AugmentConfig
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.evaluation.evaluate import evaluate
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label
from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import predict
from sapnet.proposals.config import ProposeConfig, ProposerName
from sapnet.proposals.propose import propose
from sapnet.report.build import RunInputs, build_run_report
from sapnet.report.contents import ReportInputs, RunReport
from sapnet.report.page import write_report
from sapnet.segmentation.config import PUBLISHED_SIDE, PredictConfig, SOLOv2Config
from sapnet.segmentation.fitting import scaled_grids, scaled_ranges
from sapnet.selection.config import NegativesConfig, PositivesConfig, SelectionConfig
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import ClickSet
from sapnet.system.files import write_json_atomic
from sapnet.training.config import OptimizerConfig, TrainConfig
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

if TYPE_CHECKING:
    from sapnet.data.synthetic.writing import SyntheticPaths
    from sapnet.demo.config import DemoConfig


@dataclass
class _Stopwatch:
    """Stopwatch: seconds per stage, in the order of the stages."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 1)


@dataclass(frozen=True)
class _Sets:
    """Clicked and held-out images."""

    train: SyntheticPaths
    test: SyntheticPaths
    clicks: Path


def demo_model(size: int) -> ModelConfig:
    """Return a network small enough for a CPU: half a million backbone parameters.

    It starts from random weights. Grids and scale ranges are those of SOLOv2 for images of 800 px,
    scaled to `size`. They are not fitted to the data, so that all runs of the demo compare.

    Args:
        size: side of the images, pixels.
    """
    return ModelConfig(
        backbone="test_resnet",
        weights="none",
        fpn_channels=64,
        augment=AugmentConfig(short_sides=(size,), max_long_side=2 * size),
        # Few jittered and negative boxes: pooling boxes is most of a step at this size.
        selection=SelectionConfig(
            hidden_channels=256,
            sampling_ratio=2,
            positives=PositivesConfig(lone=(0.05, 0.1, 0.15), crowded=(0.05, 0.1, -0.01)),
            negatives=NegativesConfig(num_random=16),
        ),
        segmentation=SOLOv2Config(
            num_grids=scaled_grids(0.5),
            scale_ranges=scaled_ranges(size / PUBLISHED_SIDE),
            stacked_convs=2,
            channels=64,
            mask_branch_channels=64,
            mask_feature_channels=64,
            predict=PredictConfig(pre_nms=200),
        ),
    )


def run_demo(cfg: DemoConfig) -> str:
    """Run the demo.

    Args:
        cfg: sizes, lengths and the folder.

    Returns:
        The table of figures and where the report lies. Besides the report, `metrics.json` holds
        for each proposer its figures and the seconds of each stage.
    """
    start = time.perf_counter()
    watch = _Stopwatch()
    with watch.stage("images"):
        sets = _draw_sets(cfg)
    metrics: dict[str, dict[str, Any]] = {}
    reports: list[RunReport] = []
    for proposer in ("simulated", "regions"):
        metrics[proposer], report = _run_proposer(proposer, cfg, sets, dict(watch.seconds))
        reports.append(report)
    write_json_atomic(cfg.out / "metrics.json", metrics)
    report_path = write_report(
        cfg.out / "report.html",
        ReportInputs(
            title="sapnet demo",
            runs=tuple(reports),
            settings={
                "seed": str(cfg.seed),
                "image size": f"{cfg.size} px",
                "clicked images": f"{cfg.train_images} (regions: {cfg.region_images})",
                "held-out images": str(cfg.test_images),
                "epochs": f"{cfg.epochs} (regions: {cfg.region_epochs})",
                "network": f"{demo_model(cfg.size).backbone}, from scratch",
            },
        ),
    )
    minutes = (time.perf_counter() - start) / 60
    return f"{_table(metrics)}\n\n{minutes:.1f} min\nreport: {report_path}"


def _draw_sets(cfg: DemoConfig) -> _Sets:
    data = cfg.out / "data"
    train_cfg = SyntheticConfig(num_images=cfg.train_images, size=cfg.size, seed=2 * cfg.seed)
    test_cfg = replace(train_cfg, num_images=cfg.test_images, seed=2 * cfg.seed + 1)
    train_paths = write_synthetic(data / "train", train_cfg, cfg.workers)
    test_paths = write_synthetic(data / "test", test_cfg, cfg.workers)
    clicks = data / "train" / "clicks.json"
    truth = load_instances(train_paths.truth)
    save_clicks(clicks, sample_clicks(truth, "quasi-center", cfg.seed))
    return _Sets(train_paths, test_paths, clicks)


def _run_proposer(
    proposer: ProposerName, cfg: DemoConfig, sets: _Sets, seconds: dict[str, float]
) -> tuple[dict[str, Any], RunReport]:
    """Propose, train, label, predict and evaluate with one proposer."""
    folder = cfg.out / proposer
    clicks, epochs = sets.clicks, cfg.epochs
    if proposer == "regions":
        clicks, epochs = _region_clicks(cfg, sets, folder), cfg.region_epochs
    watch = _Stopwatch(seconds)
    store_path, run, labels = folder / "proposals", folder / "run", folder / "labels.json"
    with watch.stage("propose"):
        propose(
            ProposeConfig(
                sets.train.images, clicks, store_path, proposer=proposer, workers=cfg.workers
            )
        )
    with watch.stage("train"):
        train(
            TrainInputs(
                images=sets.train.images,
                out=run,
                proposals=store_path,
                truth=sets.train.truth,
            ),
            demo_model(cfg.size),
            demo_training(cfg, epochs),
        )
    model = load_model(run, cfg.device)
    with watch.stage("label"):
        label(
            model,
            sets.train.images,
            ProposalStore(store_path),
            labels,
            LabelConfig(candidates=True, batch_size=cfg.batch_size, workers=cfg.workers),
        )
    with watch.stage("predict"):
        again = PredictionConfig(overwrite=True)
        results = predict(model, sets.test.images, folder / "predictions", again).results
    with watch.stage("evaluate"):
        figures = evaluate(sets.train.truth, labels=labels, proposals=store_path)
        figures |= evaluate(sets.test.truth, predictions=results)
    report = build_run_report(
        RunInputs(
            run,
            labels=labels,
            images=sets.train.images,
            truth=sets.train.truth,
            proposals=store_path,
            predictions=results,
            val_images=sets.test.images,
            val_truth=sets.test.truth,
            seed=cfg.seed,
        ),
        proposer,
        figures,
        watch.seconds,
    )
    return {**figures, "seconds": watch.seconds}, report


def _region_clicks(cfg: DemoConfig, sets: _Sets, folder: Path) -> Path:
    """Write the clicks of the images that the regions proposer gets."""
    path = folder / "clicks.json"
    return save_clicks(path, _first_images(load_clicks(sets.clicks), cfg.region_images))


def demo_training(cfg: DemoConfig, epochs: int) -> TrainConfig:
    """Return the settings that train `demo_model`.

    Args:
        cfg: batch size, workers, seed and device.
        epochs: passes over the images.
    """
    return TrainConfig(
        epochs=epochs,
        batch_size=cfg.batch_size,
        workers=cfg.workers,
        seed=cfg.seed,
        device=cfg.device,
        optimizer=OptimizerConfig(
            name="adamw", lr=1e-3, lr_batch=8, schedule="cosine", warmup_iterations=100
        ),
    )


def _first_images(clicks: ClickSet, count: int) -> ClickSet:
    """Return the first images of a data set with their clicks."""
    images = clicks.images[:count]
    ids = {image.image_id for image in images}
    return ClickSet(images, clicks.categories, tuple(c for c in clicks.clicks if c.image_id in ids))


def _table(metrics: dict[str, dict[str, Any]]) -> str:
    """Format the figures as text, one row per proposer."""
    heads: dict[str, Callable[[dict[str, Any]], str]] = {
        "label mIoU: top-1": lambda m: f"{m['top1_miou']:.3f}",
        "SAPNet": lambda m: f"{m['label_miou']:.3f}",
        "oracle": lambda m: f"{m['oracle_miou']:.3f}",
        "held-out mask AP": lambda m: f"{m['mask_ap']:.3f}",
        "AP50": lambda m: f"{m['mask_ap50']:.3f}",
        "minutes": lambda m: f"{sum(m['seconds'].values()) / 60:.1f}",
    }
    lines = ["proposer   " + "  ".join(heads)]
    for proposer, values in metrics.items():
        cells = (f"{show(values):>{len(head)}}" for head, show in heads.items())
        lines.append(f"{proposer:<11}" + "  ".join(cells))
    return "\n".join(lines)
