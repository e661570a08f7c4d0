"""A user's diary: a set that is clicked in part, grows, is audited and corrected, and exported.

The person is simulated: it sees the truth, which no step of `sapnet` does.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sapnet
from sapnet.cli import main
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.coco import Instance, load_instances
from sapnet.data.corrections import save_corrections
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.evaluation.audit.audit_file import draw_audit, load_audit, save_audit
from sapnet.evaluation.audit.figures import audit_figures
from sapnet.evaluation.label_file import load_labels
from sapnet.geometry.rle import rle_iou, to_rle
from sapnet.pipeline import choosing
from sapnet.pipeline.choosing import Length
from sapnet.structures.clicks import Click, ClickSet
from sapnet.structures.corrections import Correction, Corrections

if TYPE_CHECKING:
    from sapnet.pipeline.run import RunSummary

RIGHT = 0.7
"""IoU from which the simulated person calls a mask right."""

SEEN = 0.5
"""IoU from which the simulated person recognizes an object in what the segmenter sees."""


@dataclass
class Diary:
    """The folder of the set, the person's knowledge, and what the runs took."""

    folder: Path
    every: ClickSet
    truth: dict[int, Instance]
    parts: Path
    cpu_seconds: list[float] = field(default_factory=list)

    @property
    def clicks(self) -> Path:
        return self.folder / "clicks.json"

    @property
    def run_folder(self) -> Path:
        return self.folder / "run"

    def run(self) -> RunSummary:
        """`sapnet run`, the same call each time."""
        with self.timed():
            return sapnet.run(
                self.folder / "photos",
                self.clicks,
                self.run_folder,
                effort="fast",
                short_sides=(64,),
                proposer="simulated",
                file=self.parts,
                unmarked="partial",
                max_predicted=0,
                workers=1,
                device="cpu",
            )

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take the time of the processors: other work on the machine does not count."""
        before = os.times()
        yield
        after = os.times()
        self.cpu_seconds.append(sum(after[:4]) - sum(before[:4]))

    def bring(self, number: int) -> set[int]:
        """Put the first images of the set into the folder; return their ids."""
        images = self.every.images[:number]
        for image in images:
            source = self.folder / "data" / "images" / image.file_name
            target = self.folder / "photos" / image.file_name
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)
        return {image.image_id for image in images}

    def click(self, number: int, clicks: list[Click]) -> None:
        save_clicks(
            self.clicks,
            replace(self.every, images=self.every.images[:number], clicks=tuple(clicks)),
        )

    def miou(self, ids: set[int]) -> float:
        """Label mIoU of objects."""
        labels = load_labels(self.run_folder / "labels.json").labels
        ious = [rle_iou([labels[i].rle], [self.truth[i].rle()])[0, 0] for i in sorted(ids)]
        return float(sum(ious) / len(ious))

    def seen(self, record: dict[str, Any], among: set[int]) -> int | None:
        """The object that the segmenter saw, if it is one of those."""
        for i in sorted(among):
            true = self.truth[i]
            if true.image_id == record["image_id"] and true.category_id == record["category_id"]:
                rle = to_rle(record["seen_mask"], true.image.height, true.image.width)
                if rle_iou([rle], [true.rle()])[0, 0] >= SEEN:
                    return i
        return None


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    """40 images of 64 px with 4 to 7 objects of 4 classes: enough for a mean that is not chance."""
    settings = SyntheticConfig(
        num_images=40, size=64, num_classes=4, objects=(4, 7), object_size=(0.2, 0.4), empty=0,
        seed=3,
    )  # fmt: skip
    paths = write_synthetic(tmp_path / "data", settings)
    truth = load_instances(paths.truth)
    return Diary(
        tmp_path,
        sample_clicks(truth, "quasi-center", 0),
        {instance.annotation_id: instance for instance in truth.instances},
        paths.parts,
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_diary(diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two thirds of the usual steps: the rule that shortens later rounds is the same.
    monkeypatch.setitem(choosing.CPU_LENGTHS, "fast", Length(200, 1))
    first_ids, drawn = diary.bring(20), random.Random(0)

    # 20 images; the person overlooks 30 % of the objects.
    on_first = [click for click in diary.every.clicks if click.image_id in first_ids]
    overlooked = {c.annotation_id for c in on_first if drawn.random() < 0.3}
    clicked = [c for c in on_first if c.annotation_id not in overlooked]
    diary.click(20, clicked)
    assert diary.run().changes is None
    first = {click.annotation_id for click in clicked}
    quality = [diary.miou(first)]

    # What was overlooked? The person adds what is an object, and the next 20 images.
    assert main(["missed", "--run", str(diary.run_folder), "--min-score", "0.05"]) == 0
    listed = json.loads((diary.run_folder / "missed.json").read_text("utf-8"))["annotations"]
    found = {i for record in listed[:50] if (i := diary.seen(record, overlooked)) is not None}
    assert found
    all_ids = diary.bring(40)
    second = first | found
    second |= {c.annotation_id for c in diary.every.clicks if c.image_id in all_ids - first_ids}
    diary.click(40, [c for c in diary.every.clicks if c.annotation_id in second])
    changes = diary.run().changes
    assert changes is not None
    assert (changes.new_images, changes.gone_images, changes.gone_objects) == (20, 0, 0)
    assert changes.new_objects == len(second - first)
    assert changes.changed_images == len({diary.truth[i].image_id for i in found})
    quality.append(diary.miou(first))
    of_second = diary.miou(second)

    # An audit, judged in full here: its figure is then that of the labels.
    labels = load_labels(diary.run_folder / "labels.json")
    audit = draw_audit(diary.run_folder / "labels.json", labels, len(second), 0)
    right = {
        i: rle_iou([label.rle], [diary.truth[i].rle()])[0, 0] >= RIGHT
        for i, label in labels.labels.items()
    }
    for number, entry in enumerate(audit.sample):
        audit = audit.judged(number, "keep" if right[entry.annotation_id] else "fix")
    path = save_audit(diary.run_folder / "audit.json", audit)
    figures = audit_figures(load_audit(path))
    assert figures.right is not None
    assert figures.right.value == pytest.approx(sum(right.values()) / len(right))

    # The person draws ten of the wrong ones, the most doubtful first.
    doubtful = sorted(labels.labels.values(), key=lambda label: -(label.uncertainty or 0))
    wrong = [label.annotation_id for label in doubtful if not right[label.annotation_id]]
    others = [label.annotation_id for label in doubtful if right[label.annotation_id]]
    fixed = [*wrong, *others][:10]
    click_of = {click.annotation_id: click for click in load_clicks(diary.clicks).clicks}
    decisions = {
        i: Correction(replace(click_of[i], mask=diary.truth[i].rle()), "drawn") for i in fixed
    }
    corrections = Corrections(diary.every.images, diary.every.categories, decisions)
    save_corrections(diary.run_folder / "corrections.json", corrections)
    changes = diary.run().changes
    assert changes is not None
    assert (changes.decisions, changes.num_to_propose) == (10, 0)
    quality.append(diary.miou(first))
    assert diary.miou(set(fixed)) == 1.0
    assert diary.miou(second) > of_second

    # Each mask says where it comes from.
    out = diary.folder / "masks.json"
    source = str(diary.run_folder / "labels.json")
    assert main(["convert", source, "--to", "coco-rle", "--out", str(out)]) == 0
    exported = json.loads(out.read_text("utf-8"))["annotations"]
    origins = {record["id"]: record["origin"] for record in exported}
    assert origins.keys() == second
    assert {i for i, origin in origins.items() if origin["chosen_by"] == "person"} == set(fixed)
    assert all(origins[i]["run"] == "run" for i in second - set(fixed))

    assert quality[1] >= quality[0] - 0.005, quality
    assert quality[2] >= quality[1] - 0.005, quality
    once, *later = diary.cpu_seconds
    assert sum(later) < 0.6 * once, diary.cpu_seconds
