"""The page of a comparison: click, proposals, and each system's choice and prediction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sapnet.data.coco import InstanceSet, load_instances
from sapnet.evaluation.alignment import truth_for_labels
from sapnet.evaluation.ground_truth import objects_by_id
from sapnet.evaluation.label_file import Label
from sapnet.geometry.rle import decode_masks, rle_iou
from sapnet.prediction.drawing import draw_candidates
from sapnet.report.compare.systems import System, load_systems, rank_by_difference
from sapnet.report.contents import Table, TableRow, check_gallery_size, figure, percent
from sapnet.report.page import MAX_PICTURE_BYTES, render_page
from sapnet.report.pictures import encode_jpeg
from sapnet.report.reading import ReadingOptions
from sapnet.store.reader import ProposalStore
from sapnet.store.views.whole import open_whole_store
from sapnet.structures.clicks import RLE, ImageRecord
from sapnet.system.files import write_text_atomic

logger = logging.getLogger(__name__)

MAX_PROPOSALS = 10
"""Proposals of an object that are shown, those with the best own scores."""


@dataclass(frozen=True)
class CompareInputs:
    """The systems to compare and what they have in common.

    Attributes:
        folders: of the systems, see `load_systems`.
        images: folder of the images.
        truth: COCO instance json of the objects; None if unknown.
        proposals: store that the labels were chosen from; None shows no proposals.
        num_objects: objects that are shown.
        reading: how images are read.
    """

    folders: tuple[Path, ...]
    images: Path
    truth: Path | None = None
    proposals: Path | None = None
    num_objects: int = 24
    reading: ReadingOptions = field(default_factory=ReadingOptions)

    def __post_init__(self) -> None:
        check_gallery_size("num_objects", self.num_objects)


@dataclass(frozen=True)
class Tile:
    """A picture with its caption.

    Attributes:
        title: what is drawn.
        jpeg: the picture.
        note: a figure below the title, or nothing.
        kind: "click", "truth", "proposal", "label" or "prediction".
    """

    title: str
    jpeg: bytes
    note: str
    kind: str


@dataclass(frozen=True)
class ComparedObject:
    """A row of the page; `difference` is 1 minus the mean IoU of all pairs of labels."""

    annotation_id: int
    category: str
    file_name: str
    difference: float
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Comparison:
    """The content of the page; `num_left_out` objects were too many pictures."""

    title: str
    table: Table
    objects: tuple[ComparedObject, ...]
    num_left_out: int = 0


@dataclass(frozen=True)
class _Shown:
    """Titles, masks and kinds of an object's pictures, in their order."""

    titles: list[str]
    rles: list[RLE]
    kinds: list[str]


def compare_runs(inputs: CompareInputs, out_html: Path) -> Path:
    """Write the page that shows the same objects under several systems.

    Args:
        inputs: systems and what they share.
        out_html: the file to write.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the files do not belong together.
    """
    systems = load_systems(inputs.folders)
    truth = None
    if inputs.truth is not None:
        truth = truth_for_labels(systems[0].labels, load_instances(inputs.truth))
    ranking = rank_by_difference(systems)
    store = None if inputs.proposals is None else open_whole_store(inputs.proposals)
    rows: list[ComparedObject] = []
    num_bytes = num_left_out = 0
    for key, difference in ranking[: inputs.num_objects]:
        row = _draw(inputs, systems, (key, difference), truth, store)
        if row is None:
            continue
        num_bytes += sum(len(tile.jpeg) for tile in row.tiles)
        if num_bytes > MAX_PICTURE_BYTES:
            num_left_out += 1
        else:
            rows.append(row)
    table = _table(systems, ranking, truth)
    report = Comparison("Comparison", table, tuple(rows), num_left_out)
    return write_text_atomic(out_html, render_page("compare.html.j2", report=report))


def _table(
    systems: Sequence[System], ranking: Sequence[tuple[int, float]], truth: InstanceSet | None
) -> Table:
    """Return one row per system: label mIoU, and how often it stands alone."""
    keys = [key for key, _ in ranking]
    ious = [np.zeros(0)] * len(systems)
    if truth is not None:
        gt_rles = {key: entry.rle() for key, entry in objects_by_id(truth).items()}
        keys = [key for key in keys if key in gt_rles]
        ious = [
            np.array([rle_iou([s.labels.labels[k].rle], [gt_rles[k]])[0, 0] for k in keys])
            for s in systems
        ]
    best = np.max(ious, axis=0) if keys else np.zeros(0)
    rows = []
    for place, system in enumerate(systems):
        others = [s for s in systems if s is not system]
        alone = [
            all(s.labels.labels[k].rle != system.labels.labels[k].rle for s in others) for k in keys
        ]
        cells = [percent(float(np.mean(alone)) if keys else None)]
        if truth is not None:
            own = ious[place]
            cells = [
                figure(float(own.mean()) if len(own) else None),
                percent(float((own >= best).mean()) if len(own) else None),
                *cells,
            ]
        rows.append(TableRow(system.name, tuple(cells)))
    columns: tuple[str, ...] = ("mask that no other system has",)
    if truth is not None:
        columns = ("label mIoU", "best of all", *columns)
    note = f"{len(keys)} objects that all systems have labelled."
    return Table("Systems", "system", columns, tuple(rows), note)


def _draw(
    inputs: CompareInputs,
    systems: Sequence[System],
    ranked: tuple[int, float],
    truth: InstanceSet | None,
    store: ProposalStore | None,
) -> ComparedObject | None:
    """Draw the row of one object; None if its image is left out."""
    key, difference = ranked
    label = systems[0].labels.labels[key]
    image = next(i for i in systems[0].labels.images if i.image_id == label.image_id)
    if not (inputs.images / image.file_name).is_file():
        logger.warning("%s: not there, hence not shown", inputs.images / image.file_name)
        return None
    pixels = inputs.reading.read(inputs.images, image.file_name, None)
    if pixels is None:
        return None
    instance = None if truth is None else objects_by_id(truth).get(key)
    gt_rle = None if instance is None else instance.rle()
    shown = _masks_of(systems, label, image, gt_rle, store)
    pictures = draw_candidates(
        pixels,
        decode_masks(shown.rles).astype(bool),
        None if gt_rle is None else decode_masks([gt_rle])[0].astype(bool),
        label.point,
    )
    notes = [""] * len(shown.rles)
    if gt_rle is not None and shown.rles:
        notes = [f"IoU {figure(float(iou))}" for iou in rle_iou(shown.rles, [gt_rle])[:, 0]]
    tiles = [Tile("click", encode_jpeg(pictures.click), "", "click")]
    if pictures.truth is not None:
        tiles.append(Tile("truth", encode_jpeg(pictures.truth), "", "truth"))
    tiles += [
        Tile(title, encode_jpeg(picture), note, kind)
        for title, picture, note, kind in zip(
            shown.titles, pictures.candidates, notes, shown.kinds, strict=True
        )
    ]
    names = {c.category_id: c.name for c in systems[0].labels.categories}
    return ComparedObject(key, names[label.category_id], image.file_name, difference, tuple(tiles))


def _masks_of(
    systems: Sequence[System],
    label: Label,
    image: ImageRecord,
    gt_rle: RLE | None,
    store: ProposalStore | None,
) -> _Shown:
    """Collect the proposals of an object, and each system's label and prediction."""
    shown = _Shown([], [], [])

    def add(title: str, rle: RLE, kind: str) -> None:
        shown.titles.append(title)
        shown.rles.append(rle)
        shown.kinds.append(kind)

    if store is not None:
        proposals = store.find(label.annotation_id).proposals
        best_first = np.argsort(-proposals.scores, kind="stable")[:MAX_PROPOSALS]
        for place in best_first:
            add(f"proposal: {proposals.prompts[place]}", proposals.rles[place], "proposal")
    for system in systems:
        own = system.labels.labels[label.annotation_id]
        add(f"{system.name}: chosen", own.rle, "label")
        predicted = system.prediction(own, image, gt_rle or own.rle)
        if predicted is not None:
            add(f"{system.name}: predicted", predicted, "prediction")
    return shown
