"""Building a ladder's page from its figures and the files beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ladder.page.contents import LadderPart, LadderReport
from benchmarks.ladder.page.figures import Ladder, System
from benchmarks.ladder.page.file import LadderFolder, load_ladder
from benchmarks.ladder.page.gallery import WorstInputs, draw_worst
from benchmarks.ladder.page.html import write_ladder_report
from benchmarks.ladder.page.plots import curve_plots, label_plots, segmenter_plots
from benchmarks.ladder.page.table import label_table, prediction_table, spread
from sapnet.data.coco import load_instances
from sapnet.evaluation.label_file import load_labels
from sapnet.evaluation.precision import precision_curves
from sapnet.evaluation.predictions import read_results
from sapnet.report.contents import check_gallery_size
from sapnet.report.label_gallery import LabelSection
from sapnet.store.reader import ProposalStore

_WORST = "Worst labels"


@dataclass(frozen=True)
class LadderInputs:
    """Inputs of a ladder's page.

    Attributes:
        ladder: json written by `benchmarks.ladder`; labels, predictions and data lie beside it.
        num_objects: number of worst labels that are shown of each system.
    """

    ladder: Path
    num_objects: int = 6

    def __post_init__(self) -> None:
        check_gallery_size("num_objects", self.num_objects)


def report_ladder(inputs: LadderInputs, out_html: Path) -> Path:
    """Write the page about a ladder.

    Args:
        inputs: the ladder, and the number of labels to show.
        out_html: file to write.

    Returns:
        `out_html`.

    Raises:
        FileNotFoundError: there is no such ladder.
        ValueError: a file is damaged, or files do not fit together.
    """
    return write_ladder_report(out_html, build_ladder_report(inputs))


def build_ladder_report(inputs: LadderInputs) -> LadderReport:
    """Build the contents of a ladder's page; see `report_ladder`."""
    ladder = load_ladder(inputs.ladder)
    folder = LadderFolder(inputs.ladder.parent, ladder.seeds[0])
    parts = (
        _labels(ladder),
        _predictions(ladder, folder),
        _worst_labels(ladder, folder, inputs.num_objects),
    )
    return LadderReport(
        f"Ladder, {ladder.scale}",
        _facts(ladder),
        tuple(p for p in parts if p.tables or p.plots or p.gallery or p.missing),
    )


def _labels(ladder: Ladder) -> LadderPart:
    if not ladder.labelled:
        return LadderPart("Labels")
    return LadderPart("Labels", tables=(label_table(ladder),), plots=label_plots(ladder))


def _predictions(ladder: Ladder, folder: LadderFolder) -> LadderPart:
    """Return mask AP of all seeds, and precision over recall of the first seed."""
    if not ladder.trained:
        return LadderPart("Predictions")
    curves, missing = {}, _without(folder.predictions, ladder.trained)
    if not folder.test_truth.is_file():
        missing = [_no_file(folder.test_truth)]
    else:
        truth = load_instances(folder.test_truth)
        for system in _with(folder.predictions, ladder.trained):
            records = read_results(folder.predictions(system.key), truth)
            curves[system.title] = precision_curves(records, truth)
    return LadderPart(
        "Predictions",
        f"Held-out images; precision over recall is that of seed {folder.seed}." if curves else "",
        tuple(f"Precision over recall: {sentence}" for sentence in missing),
        tables=(prediction_table(ladder),),
        plots=(*segmenter_plots(ladder), *curve_plots(curves)),
    )


def _worst_labels(ladder: Ladder, folder: LadderFolder, num_objects: int) -> LadderPart:
    """Return the worst labels of the first seed."""
    if not ladder.labelled:
        return LadderPart(_WORST)
    absent = [path for path in (folder.images, folder.truth) if not path.exists()]
    if absent:
        return LadderPart(_WORST, missing=tuple(map(_no_file, absent)))
    missing = _without(folder.labels, ladder.labelled)
    store = ProposalStore(folder.proposals) if folder.proposals.is_dir() else None
    if store is None:
        missing.append(f"Kinds of the labels: {_no_file(folder.proposals)}")
    inputs = WorstInputs(folder.images, load_instances(folder.truth), store, num_objects)
    gallery = tuple(
        LabelSection(system.title, draw_worst(load_labels(folder.labels(system.key)), inputs))
        for system in _with(folder.labels, ladder.labelled)
    )
    intro = f"Seed {folder.seed}: the labels with the lowest IoU, with the kind of each."
    return LadderPart(_WORST, intro if gallery else "", tuple(missing), gallery=gallery)


def _with(path_of: Callable[[str], Path], systems: Sequence[System]) -> list[System]:
    """Return the systems whose file exists."""
    return [system for system in systems if path_of(system.key).is_file()]


def _without(path_of: Callable[[str], Path], systems: Sequence[System]) -> list[str]:
    """Return a sentence for each system whose file does not exist."""
    return [
        f"{system.title} is left out. {_no_file(path_of(system.key))}"
        for system in systems
        if not path_of(system.key).is_file()
    ]


def _no_file(path: Path) -> str:
    return f"There is no {path}."


def _facts(ladder: Ladder) -> dict[str, str]:
    return {
        "scale": ladder.scale,
        "date": ladder.date,
        "command": ladder.command,
        "machine": ladder.machine,
        "minutes": f"{ladder.minutes:.0f}",
        "seeds": ", ".join(map(str, ladder.seeds)),
        "clicked images": str(ladder.num_train_images),
        "clicked objects": str(ladder.num_objects),
        "held-out images": str(ladder.num_test_images),
        "best possible label mIoU": spread(ladder.oracle_miou),
    }
