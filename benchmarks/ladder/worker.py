"""One job of the ladder in a process of its own: a system, or the images of a seed.

Started by `python -m benchmarks.ladder`. Results are files; those that exist are not made again.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks.ladder.page.file import LadderFolder
from benchmarks.ladder.scales import Scale, Split, ladder_scale, seed_images
from benchmarks.ladder.systems import System
from benchmarks.ladder.tables import all_systems
from benchmarks.quality.real_sets.sets import find_sets
from sapnet.data.clicks import save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.evaluation.evaluate import evaluate
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label, label_top1
from sapnet.network.loading import load_model
from sapnet.pipeline.proposing import propose
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import predict
from sapnet.proposals.config import ProposeConfig, ProposerName
from sapnet.store.reader import ProposalStore
from sapnet.system.files import write_json_atomic
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

IMAGES = "images"
"""Name of the job that makes the images."""


def figures_file(folder: LadderFolder, system: str) -> Path:
    """Return the path of a system's figures, which exist once its job is finished."""
    return folder.rung(system) / "metrics.json"


def make_images(folder: LadderFolder, scale: Scale, seed: int, split: Split) -> None:
    """Draw both sets of a seed, draw clicks and propose masks."""
    sets = seed_images(scale, seed, split)
    write_synthetic(folder.test_truth.parent, sets.test, 1)
    paths = write_synthetic(folder.truth.parent, sets.train, 1)
    clicks = folder.truth.with_name("clicks.json")
    save_clicks(clicks, sample_clicks(load_instances(paths.truth), "quasi-center", seed))
    propose(ProposeConfig(paths.images, clicks, folder.proposals, proposer="simulated", workers=1))
    figures = evaluate(paths.truth, proposals=folder.proposals)
    write_json_atomic(figures_file(folder, IMAGES), figures)


def take_photographs(folder: LadderFolder, source: Path, proposer: ProposerName) -> None:
    """Link a set of photographs, draw clicks with the seed and propose masks.

    Args:
        folder: of the seed.
        source: folder of the set, laid out as those of `benchmarks.quality.real_sets`.
        proposer: the proposer.
    """
    (photographs,) = find_sets([source])
    halves = ((photographs.train, folder.truth), (photographs.val, folder.test_truth))
    for split, truth in halves:
        truth.parent.mkdir(parents=True, exist_ok=True)
        images = truth.with_name("images")
        if not images.exists():
            images.symlink_to(split.images.resolve(), target_is_directory=True)
        shutil.copyfile(split.truth, truth)
    clicks = folder.truth.with_name("clicks.json")
    save_clicks(clicks, sample_clicks(load_instances(folder.truth), "quasi-center", folder.seed))
    propose(ProposeConfig(folder.images, clicks, folder.proposals, proposer=proposer, workers=1))
    counts = {
        name: len(load_instances(truth).images)
        for name, (_, truth) in zip(("train_images", "test_images"), halves, strict=True)
    }
    figures = counts | evaluate(folder.truth, proposals=folder.proposals)
    write_json_atomic(figures_file(folder, IMAGES), figures)


def run_rung(folder: LadderFolder, scale: Scale, system: System) -> None:
    """Train a system unless it shares another one's run, then label, predict and evaluate."""
    shares_run = system.decides_on is not None
    has_segmenter = scale.has_segmenter(system, folder.seed)
    selects = system.supervision == "clicks" and not shares_run
    run = folder.rung(system.decides_on or system.name) / "run"
    if selects or has_segmenter:
        _train(folder, run, scale, system, has_segmenter)
    figures: dict[str, float] = {}
    if system.has_labels:
        labels = _label(folder, run, scale, system)
        figures |= evaluate(folder.truth, labels=labels, proposals=folder.proposals)
    if has_segmenter:
        model = load_model(run, scale.train.device)
        out = folder.predictions(system.name).parent
        images = folder.test_truth.with_name("images")
        cfg = PredictionConfig(no_pictures=True, workers=1, overwrite=True)
        results = predict(model, images, out, cfg).results
        figures |= evaluate(folder.test_truth, predictions=results)
    write_json_atomic(figures_file(folder, system.name), figures)


def _train(
    folder: LadderFolder, run: Path, scale: Scale, system: System, has_segmenter: bool
) -> None:
    masks = None
    if system.supervision == "masks":
        source = system.masks_of
        masks = folder.truth if source is None else folder.labels(source)
    settings = replace(
        scale.model,
        selection=system.selection or scale.model.selection,
        segmenter=has_segmenter,
    )
    inputs = TrainInputs(
        images=folder.images,
        out=run,
        proposals=None if masks else folder.proposals,
        masks=masks,
    )
    train(inputs, settings, replace(scale.train, supervision=system.supervision))


def _label(folder: LadderFolder, run: Path, scale: Scale, system: System) -> Path:
    """Write the labels of a system; one trained on another's labels has the same labels."""
    if system.masks_of is not None:
        return folder.labels(system.masks_of)
    out = folder.labels(system.name)
    if out.is_file():
        return out
    store = ProposalStore(folder.proposals)
    if system.selection is None:
        return label_top1(store, out).labels
    model = load_model(run, scale.train.device)
    # The run may be another system's: only the decision differs, which has no weights.
    model.settings = replace(model.settings, selection=system.selection)
    model.selection.cfg = system.selection
    workers = scale.train.workers
    return label(
        model, folder.images, store, out, LabelConfig(batch_size=8, workers=workers)
    ).labels


def main() -> None:
    """Run the job that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("out", "scale", "split", "device", "system"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--proposer", default="click")
    args = parser.parse_args()
    scale = ladder_scale(args.scale, args.seed, args.device)
    folder = LadderFolder(Path(args.out), args.seed)
    if args.system == IMAGES and args.photographs is not None:
        take_photographs(folder, args.photographs, args.proposer)
        return
    if args.system == IMAGES:
        make_images(folder, scale, args.seed, args.split)
        return
    (system,) = (s for s in all_systems(scale.model.selection) if s.name == args.system)
    run_rung(folder, scale, system)
    print(figures_file(folder, system.name).read_text())


if __name__ == "__main__":
    main()
