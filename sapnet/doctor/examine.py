"""All examinations together: the machine, and the given data, store and run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sapnet.doctor.artifacts import examine_run, examine_store
from sapnet.doctor.click_set import ExaminedClicks, examine_clicks
from sapnet.doctor.contact_sheet import Dot, SheetInputs, draw_sheet
from sapnet.doctor.finding import Diagnosis, Examination
from sapnet.doctor.image_files import ImageFile, Reading
from sapnet.doctor.instance_set import ExaminedInstances, check_agreement, examine_instances
from sapnet.doctor.machine import examine_machine
from sapnet.doctor.points import click_table
from sapnet.doctor.software import examine_software
from sapnet.doctor.weights import examine_weights
from sapnet.structures.clicks import ImageRecord
from sapnet.system.files import write_json_atomic

REPORT_NAME, SHEET_NAME = "doctor.json", "contact-sheet.png"


@dataclass(frozen=True)
class DoctorInputs:
    """Inputs of `sapnet doctor`, which are examined in addition to the machine.

    Attributes:
        images: folder of the images.
        clicks: clicks file.
        truth: COCO instance json.
        proposals: proposal store.
        run: run folder.
        out: output of all findings as json and of the pictures: a folder, or a json file beside
            which the pictures are written. None writes nothing.
        seed: seed of the choice of pictures.
        reading: of the pixels of all images.
    """

    images: Path | None = None
    clicks: Path | None = None
    truth: Path | None = None
    proposals: Path | None = None
    run: Path | None = None
    out: Path | None = None
    seed: int = 0
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True)
class DoctorResult:
    """The diagnosis, and the written files (None if there are none)."""

    diagnosis: Diagnosis
    report: Path | None
    sheet: Path | None


def examine(inputs: DoctorInputs) -> DoctorResult:
    """Examine the machine and all given inputs.

    Args:
        inputs: the data, store and run to examine.

    Returns:
        The diagnosis, and the written files.
    """
    parts = [examine_software(), examine_machine(inputs.out), examine_weights()]
    sheet_inputs: SheetInputs | None = None
    # The images are opened once: with the clicks if there are any, else with the truth.
    if inputs.truth is not None:
        root = inputs.images if inputs.clicks is None else None
        instances = examine_instances(inputs.truth, root, inputs.reading)
        parts.append(instances.examination)
        sheet_inputs = _masks_to_draw(instances, inputs)
    if inputs.clicks is not None:
        clicks = examine_clicks(inputs.clicks, inputs.images, inputs.reading)
        parts.append(clicks.examination)
        sheet_inputs = _clicks_to_draw(clicks, inputs)
    if inputs.truth is not None and inputs.clicks is not None:
        if clicks.clicks is not None and instances.instances is not None:
            found = tuple(check_agreement(clicks.clicks, instances.instances))
            parts += [Examination("clicks and truth", findings=found)] if found else []
    if inputs.proposals is not None:
        parts.append(examine_store(inputs.proposals, inputs.clicks))
    if inputs.run is not None:
        parts.append(examine_run(inputs.run, inputs.proposals))
    diagnosis = Diagnosis(tuple(parts))
    if inputs.out is None:
        return DoctorResult(diagnosis, None, None)
    report, sheet = _paths(inputs.out)
    drawn = None if sheet_inputs is None else draw_sheet(sheet_inputs)
    if drawn is not None:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        drawn.save(sheet, optimize=True)
    write_json_atomic(report, diagnosis.to_json())
    return DoctorResult(diagnosis, report, None if drawn is None else sheet)


def _paths(out: Path) -> tuple[Path, Path]:
    """Return the paths of the json file and of the sheet of pictures."""
    if out.suffix.lower() == ".json":
        return out, out.with_suffix(".png")
    return out / REPORT_NAME, out / SHEET_NAME


def _clicks_to_draw(found: ExaminedClicks, inputs: DoctorInputs) -> SheetInputs | None:
    if found.coco is None or found.clicks is None or inputs.images is None:
        return None
    dots: dict[int, list[Dot]] = defaultdict(list)
    for click in found.clicks.clicks:
        dots[click.image_id] += [Dot(x, y, click.category_id) for x, y in click.points]
    # Points outside of their image break a rule and are not clicks, but should be visible here.
    known = {click.annotation_id for click in found.clicks.clicks}
    by_id = {annotation["id"]: annotation for annotation in found.coco.annotations}
    table = click_table(found.coco)
    for annotation_id, (x, y), size in zip(
        table.annotation_ids, table.xy.tolist(), table.sizes.tolist(), strict=True
    ):
        is_inside = 0 <= x < size[0] and 0 <= y < size[1]
        if annotation_id not in known and not is_inside:
            record = by_id[annotation_id]
            dots[record["image_id"]].append(Dot(x, y, record["category_id"]))
    return SheetInputs(
        images=_upright(found.coco.images, found.files),
        root=inputs.images,
        categories=found.coco.categories,
        dots=dots,
        instances={},
        seed=inputs.seed,
        bits=inputs.reading.bits,
        bands=inputs.reading.bands or found.clicks.bands,
    )


def _masks_to_draw(found: ExaminedInstances, inputs: DoctorInputs) -> SheetInputs | None:
    if found.instances is None or inputs.images is None:
        return None
    return SheetInputs(
        images=found.instances.images,
        root=inputs.images,
        categories=found.instances.categories,
        dots={},
        instances=found.instances.instances_by_image(),
        seed=inputs.seed,
        bits=inputs.reading.bits,
        bands=inputs.reading.bands,
    )


def _upright(images: Sequence[ImageRecord], files: Sequence[ImageFile]) -> list[ImageRecord]:
    """Return the images with upright sizes; those that are listed as stored are turned."""
    turned: Mapping[int, bool] = {file.record.image_id: file.is_stored for file in files}
    return [
        ImageRecord(image.image_id, image.file_name, image.height, image.width)
        if turned.get(image.image_id)
        else image
        for image in images
    ]
