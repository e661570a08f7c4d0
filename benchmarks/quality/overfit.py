"""Overfitting of 8 synthetic images, from masks and from clicks.

    python -m benchmarks.quality.overfit --json overfit.json

A network that cannot learn eight images by heart cannot learn anything. The script trains the same
small SOLOv2 twice from scratch: from the true masks, and end to end from clicks and simulated
proposals. It prints the first and last losses and the AP on the training images; for the clicks
also the label mIoU, that of the proposer's own choice, and the oracle.
"""

from __future__ import annotations

import csv
import json
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import given_options, parse_arguments, setting, write_json
from sapnet.batches.config import AugmentConfig
from sapnet.data.clicks import save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import SyntheticPaths, write_synthetic
from sapnet.evaluation.evaluate import evaluate
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label
from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.pipeline.proposing import propose
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import predict
from sapnet.proposals.config import ProposeConfig
from sapnet.segmentation.config import PUBLISHED_SIDE, SOLOv2Config
from sapnet.segmentation.fitting import scaled_grids, scaled_ranges
from sapnet.selection.config import ConsensusConfig, NegativesConfig, SelectionConfig
from sapnet.store.reader import ProposalStore
from sapnet.training.config import OptimizerConfig, TrainConfig
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

SIZE = 160
"""Side of the images, px."""

INPUT_SIZE = 320
"""Side of the network's input, px. Masks are predicted on its stride-4 grid. At 160 px, that grid
alone costs a tenth of the IoU of an object of 40 px, and no network could reach an AP of 0.9."""

OBJECTS, OBJECT_SIZE = (1, 3), (0.4, 0.62)
"""Numbers of objects of an image, and their sides as a share of the image's side."""

LOSSES = ("loss", "loss_mask", "loss_class", "loss_selection", "loss_refinement_positive")


def main() -> None:
    """Run both trainings, print and write the figures."""
    args = parse_arguments(
        __doc__,
        images={"type": int, "default": 8},
        epochs={"type": int, "default": 180, "help": "epochs of the training from masks"},
        click_epochs={"type": int, "default": 60, "help": "epochs of the training from clicks"},
        lr={"type": float, "default": 2e-3, "help": "learning rate of AdamW"},
        seed={"type": int, "default": 0},
        only={"choices": ("masks", "clicks"), "help": "run one of the two trainings"},
    )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = SyntheticConfig(
            num_images=args.images,
            size=SIZE,
            objects=OBJECTS,
            object_size=OBJECT_SIZE,
            seed=args.seed,
        )
        paths = write_synthetic(Path(folder) / "data", data)
        for supervision in ("masks", "clicks") if args.only is None else (args.only,):
            epochs = args.epochs if supervision == "masks" else args.click_epochs
            cfg = train_config(supervision, epochs, args.lr, args.seed)
            figures[supervision] = overfit(cfg, paths, Path(folder))
    print(json.dumps(figures, indent=2))
    summary = {
        f"{supervision} {name}": value
        for supervision, row in figures.items()
        for name, value in row.items()
        if isinstance(value, float)
    }
    write_json(args.json, summary, setting(**given_options(args), size=SIZE), figures)


def overfit(cfg: TrainConfig, paths: SyntheticPaths, folder: Path) -> dict[str, Any]:
    """Train, then label and predict the training images."""
    out, store = folder / cfg.supervision, None
    if cfg.supervision == "clicks":
        clicks, store = folder / "clicks.json", folder / "store"
        save_clicks(clicks, sample_clicks(load_instances(paths.truth), "quasi-center", cfg.seed))
        propose(ProposeConfig(paths.images, clicks, store, proposer="simulated", workers=1))
    inputs = TrainInputs(
        images=paths.images,
        out=out,
        proposals=store,
        masks=paths.truth if store is None else None,
        truth=paths.truth,
    )
    start = time.perf_counter()
    train(inputs, small_model(), cfg)
    seconds = time.perf_counter() - start
    model = load_model(out, "cpu")
    results = predict(
        model, paths.images, out / "predictions", PredictionConfig(no_pictures=True, overwrite=True)
    ).results
    scores = evaluate(paths.truth, predictions=results)
    names = ["mask_ap", "mask_ap50", "mask_ap75"]
    if store is not None:
        label(
            model, paths.images, ProposalStore(store), out / "labels.json", LabelConfig(workers=0)
        )
        scores |= evaluate(paths.truth, labels=out / "labels.json", proposals=store)
        names += ["label_miou", "top1_miou", "oracle_miou"]
    return {
        "steps": cfg.epochs * len(load_instances(paths.truth).images) // cfg.batch_size,
        "seconds": round(seconds),
        **{name: round(scores[name], 3) for name in names},
        **first_and_last(out),
    }


def small_model() -> ModelConfig:
    """Return a small network: half a million backbone parameters, no random views."""
    return ModelConfig(
        backbone="test_resnet",
        weights="none",
        fpn_channels=64,
        augment=AugmentConfig(
            short_sides=(INPUT_SIZE,), max_long_side=INPUT_SIZE, flip_probability=0.0
        ),
        # A few objects are soon learned by heart, so agreement must count for more than usual.
        selection=SelectionConfig(
            hidden_channels=256,
            negatives=NegativesConfig(num_random=50),
            consensus=ConsensusConfig(max_spread=0.25),
        ),
        segmentation=SOLOv2Config(
            num_grids=scaled_grids(0.5),
            scale_ranges=scaled_ranges(INPUT_SIZE / PUBLISHED_SIDE),
            stacked_convs=2,
            channels=64,
            mask_branch_channels=64,
            mask_feature_channels=64,
        ),
    )


def train_config(supervision: str, epochs: int, lr: float, seed: int) -> TrainConfig:
    """Return settings of the training: AdamW, cosine schedule, batches of 4."""
    return TrainConfig(
        supervision="masks" if supervision == "masks" else "clicks",
        epochs=epochs,
        batch_size=4,
        workers=0,
        seed=seed,
        device="cpu",
        log_every=1,
        optimizer=OptimizerConfig(
            name="adamw", lr=lr, lr_batch=4, schedule="cosine", warmup_iterations=20
        ),
    )


def first_and_last(run: Path) -> dict[str, list[float]]:
    """Return the mean of each loss over the first and the last four logged steps."""
    with next(run.glob("logs/version_0/metrics.csv")).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["loss"]]

    def mean(name: str, part: list[dict[str, str]]) -> float:
        return round(sum(float(row[name]) for row in part) / len(part), 4)

    names = [name for name in LOSSES if name in rows[0]]
    return {name: [mean(name, rows[:4]), mean(name, rows[-4:])] for name in names}


if __name__ == "__main__":
    main()
