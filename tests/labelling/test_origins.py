"""Where each mask comes from, from labels through exports to figures."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sapnet
from sapnet.cli import main
from sapnet.data.corrections import save_corrections
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label
from sapnet.network.loading import load_model
from sapnet.network.model import Network
from sapnet.store.reader import ProposalStore
from sapnet.structures.corrections import Correction, Corrections
from sapnet.system.version import __version__

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from tests.conftest import TinySet


def read(path: Path) -> Any:  # noqa: ANN401  # json
    return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def run(
    tiny_set: TinySet, tiny_model: ModelConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "cars"
    Network(tiny_model, ProposalStore(tiny_set.store).categories).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def labels(run: Path, tiny_set: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels of the network; the first object was drawn, the second picked in a review."""
    store = ProposalStore(tiny_set.store)
    objects = [stored for i in range(store.num_images) for stored in store.objects_of_image(i)]
    fixed = {
        stored.click.annotation_id: Correction(
            replace(stored.click, mask=stored.proposals.rles[0]), action
        )
        for stored, action in zip(objects, ("drawn", "picked"), strict=False)
    }
    folder = tmp_path_factory.mktemp("labels")
    path = save_corrections(
        folder / "corrections.json", Corrections(tuple(store.images), store.categories, fixed)
    )
    corrected = ProposalStore(tiny_set.store, sapnet.data.corrections.load_corrections(path))
    out = folder / "labels.json"
    label(load_model(run, "cpu"), tiny_set.images, corrected, out, LabelConfig(workers=0))
    return out


def test_labels_say_where_they_come_from(labels: Path, run: Path) -> None:
    content = read(labels)
    common = content["info"]["origin"]
    weights = hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
    assert (common["run"], common["run_weights"]) == ("cars", weights[:16])
    assert (common["proposer"], common["sapnet"]) == ("simulated", __version__)
    assert common["time"].endswith("+00:00")
    own = [record["origin"] for record in content["annotations"]]
    assert own[0] == {"chosen_by": "person", "decision": "drawn"}
    assert own[1] == {"chosen_by": "person", "decision": "picked"}
    assert {entry["chosen_by"] for entry in own[2:]} == {"selection and segmenter"}
    assert all(entry["prompt"] for entry in own[2:])


@pytest.mark.parametrize("to", ["coco-rle", "coco-polygons"])
def test_coco_keeps_it_whole(labels: Path, tmp_path: Path, to: str) -> None:
    out = tmp_path / "masks.json"
    assert main(["convert", str(labels), "--to", to, "--out", str(out)]) == 0
    drawn, picked, chosen, *_ = [record["origin"] for record in read(out)["annotations"]]
    assert drawn.keys() == {"chosen_by", "decision", "sapnet", "time"}
    assert (picked["proposer"], "run" in picked) == ("simulated", False)
    assert chosen["run_weights"] == read(labels)["info"]["origin"]["run_weights"]
    # A second conversion keeps what the first has written.
    again = tmp_path / "again.json"
    assert main(["convert", str(out), "--to", "coco-rle", "--out", str(again)]) == 0
    assert [r["origin"] for r in read(again)["annotations"]][:3] == [drawn, picked, chosen]


def test_labelme_and_label_studio_have_a_line(
    labels: Path, tiny_set: TinySet, tmp_path: Path
) -> None:
    words = ["--images", str(tiny_set.images)]
    for to in ("labelme", "label-studio"):
        out = str(tmp_path / to)
        assert main(["convert", str(labels), "--to", to, "--out", out, *words]) == 0
    shapes = [s for p in (tmp_path / "labelme").glob("*.json") for s in read(p)["shapes"]]
    assert any("chosen by person, drawn; sapnet" in shape["description"] for shape in shapes)
    tasks = read(tmp_path / "label-studio" / "tasks.json")
    regions = [r for task in tasks for p in task["predictions"] for r in p["result"]]
    lines = [region["meta"]["text"][0] for region in regions]
    assert sum("run cars (" in line for line in lines) == len(lines) - 2


def test_corrections_keep_the_decision(labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks.json"
    source = labels.with_name("corrections.json")
    assert main(["convert", str(source), "--to", "coco-rle", "--out", str(out)]) == 0
    origins = [record["origin"] for record in read(out)["annotations"]]
    assert origins == [
        {"chosen_by": "person", "decision": "drawn"},
        {"chosen_by": "person", "decision": "picked"},
    ]


def test_predictions_have_a_file_beside_them(run: Path, tiny_set: TinySet, tmp_path: Path) -> None:
    out = tmp_path / "predictions"
    summary = sapnet.predict(
        run, tiny_set.images, out, no_pictures=True, device="cpu", format=("coco-rle",),
        draw_threshold=0.0, workers=1,
    )  # fmt: skip
    origin = read(out / "origin.json")
    assert (origin["chosen_by"], origin["run"]) == ("segmenter", "cars")
    exported = read(out / "masks-coco-rle.json")["annotations"]
    assert len(exported) == summary.num_instances
    assert all(record["origin"] == origin for record in exported)
    sapnet.predict(run, tiny_set.images, out, no_pictures=True, device="cpu", overwrite=True)


def test_figures_by_origin(
    labels: Path, tiny_set: TinySet, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--labels", str(labels), "--truth", str(tiny_set.truth)]
    assert main([*words, "--by", "origin"]) == 0
    shown = capsys.readouterr().out
    figures = sapnet.evaluate(tiny_set.truth, labels=labels, by="origin").figures
    counts = {key: value for key, value in figures.items() if key.startswith("num_objects/")}
    assert counts == {
        "num_objects/selection and segmenter": figures["num_objects"] - 2,
        "num_objects/person, drawn": 1,
        "num_objects/person, picked": 1,
    }
    total = sum(figures[f"label_miou/{key[12:]}"] * n for key, n in counts.items())
    assert total / figures["num_objects"] == pytest.approx(figures["label_miou"])
    assert "label_miou/person, picked" in shown
    with pytest.raises(ValueError, match="figures by origin are of labels"):
        sapnet.evaluate(tiny_set.truth, proposals=tiny_set.store, by="origin")


def test_the_report_splits_by_origin(labels: Path, tiny_set: TinySet) -> None:
    from sapnet.evaluation.label_file import load_labels
    from sapnet.evaluation.per_object import judge_objects
    from sapnet.report.label_figures import table_by_origin

    found = load_labels(labels)
    objects = list(judge_objects(found, sapnet.data.coco.load_instances(tiny_set.truth)))
    (table,) = table_by_origin(found, objects)
    assert table.columns == ("labels", "uncertainty", "mean IoU")
    rows = {row.name: row.cells for row in table.rows}
    assert rows["person, drawn"][:2] == ("1", "0.000")
    (plain,) = table_by_origin(found)
    assert plain.columns == ("labels", "uncertainty")
    without = {key: replace(label, origin=None) for key, label in found.labels.items()}
    assert table_by_origin(replace(found, labels=without)) == ()
