"""Every function runs once on tiny data, and refuses what it does not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sapnet import (
    ProposalStore,
    SAPNet,
    audit,
    evaluate,
    label,
    missed,
    predict,
    propose,
    push,
    train,
)
from sapnet.api.train import _with_recipes
from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.selection.config import paper_selection

if TYPE_CHECKING:
    from tests.conftest import TinySet


def test_propose(tiny_set: TinySet, tmp_path: Path) -> None:
    summary = propose(
        tiny_set.images,
        tiny_set.clicks,
        tmp_path / "store",
        proposer="simulated",
        file=tiny_set.parts,
        workers=1,
    )
    assert summary.store == str(tmp_path / "store") or summary.store == tmp_path / "store"
    assert summary.num_images == tiny_set.num_images
    ours, theirs = ProposalStore(tmp_path / "store"), ProposalStore(tiny_set.store)
    assert len(ours) == len(theirs) == summary.num_objects
    with pytest.raises(TypeError, match=r"propose has no option 'worker'; did you mean 'workers'"):
        propose(tiny_set.images, tiny_set.clicks, tmp_path, worker=1)  # type: ignore[call-arg]


def test_train_resumes_a_finished_run(
    tiny_set: TinySet, tiny_run: Path, tiny_model: ModelConfig
) -> None:
    again = train(
        tiny_set.images,
        tiny_run,
        config="defaults",
        proposals=tiny_set.store,
        truth=tiny_set.truth,
        epochs=1,
        batch_size=4,
        device="cpu",
        optimizer={"name": "adamw", "lr": 1e-3, "lr_batch": 4, "warmup_iterations": 1},
        model=tiny_model,
    )
    assert again.was_finished
    settings = json.loads((tiny_run / "settings.json").read_text())
    assert settings["model"]["backbone"] == "test_resnet"


def test_train_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"train has no option 'epoch'; did you mean 'epochs'\?"):
        train("images", tmp_path, epoch=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"train: model has no option 'backbon'; .*'backbone'"):
        train("images", tmp_path, model={"backbon": "resnet18"})
    with pytest.raises(ValueError, match=r"method: expected 'sapnet.' or 'paper', found 'x'"):
        train("images", tmp_path, method="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"--val\.images and --val.truth are given together"):
        train("images", tmp_path, proposals="store", val_images="held_out")
    with pytest.raises(ValueError, match="nothing: expected a recipe's file or name"):
        train("images", tmp_path, config="nothing")


def test_a_recipe_is_below_the_options(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "epochs: 7\nbatch_size: 2\nval: {images: held_out}\n"
        "model: {backbone: resnet18, augment: {max_long_side: 128}}\n"
    )
    values = _with_recipes(
        recipe, tmp_path, {"epochs": 3, "model": {"augment": {"flip_probability": 0.0}}}
    )
    assert values["epochs"] == 3
    assert values["batch_size"] == 2
    assert values["val_images"] == "held_out"
    assert values["model"] == {
        "backbone": "resnet18",
        "augment": {"max_long_side": 128, "flip_probability": 0.0},
    }
    assert _with_recipes("small_images_cpu", tmp_path, {})["model"]
    recipe.write_text("epoch: 7\n")
    with pytest.raises(TypeError, match=r"recipe .* has no option 'epoch'; did you mean 'epochs'"):
        _with_recipes(recipe, tmp_path, {})


def _model(tmp_path: Path, **values: object) -> ModelConfig:
    from sapnet.api.options import fill

    model = _with_recipes("defaults", tmp_path, dict(values)).get("model", {})
    return fill("train: model", ModelConfig, model)


def test_the_method_chooses_the_selection(tmp_path: Path) -> None:
    assert _model(tmp_path, method="paper").selection == paper_selection()
    changed = _model(tmp_path, method="paper", model={"selection": {"top_k": 5}})
    assert changed.selection.top_k == 5
    assert _model(tmp_path) == ModelConfig()


def test_label(tiny_set: TinySet, tiny_run: Path, tmp_path: Path) -> None:
    summary = label(
        tiny_set.images,
        tiny_set.store,
        tmp_path / "labels.json",
        run=tiny_run,
        device="cpu",
        workers=0,
        format=["coco-polygons"],
    )
    content = json.loads(summary.labels.read_text())
    assert len(content["annotations"]) == summary.num_objects > 0
    (report,) = summary.exports.reports
    assert report.path == tmp_path / "labels-coco-polygons.json"
    assert report.num_masks == summary.num_objects
    best = label(tiny_set.images, tiny_set.store, tmp_path / "top1.json", top1=True)
    assert best.num_objects == summary.num_objects
    assert best.exports.reports == ()
    for options in ({}, {"run": tiny_run, "top1": True}):
        with pytest.raises(ValueError, match="expected either run=RUN or top1=True"):
            label(tiny_set.images, tiny_set.store, tmp_path / "no.json", **options)  # type: ignore[arg-type]


def test_predict(tiny_set: TinySet, tiny_run: Path, tmp_path: Path) -> None:
    summary = predict(tiny_run, tiny_set.images, tmp_path / "a", device="cpu", no_pictures=True)
    assert summary.num_images == tiny_set.num_images
    assert summary.pictures is None
    loaded = load_model(tiny_run, "cpu")
    again = predict(loaded, tiny_set.images, tmp_path / "b", no_pictures=True)
    assert again.results.read_bytes() == summary.results.read_bytes()
    with pytest.raises(ValueError, match="workers: expected at least 1, found 0"):
        predict(tiny_run, tiny_set.images, tmp_path / "c", workers=0)
    with pytest.raises(TypeError, match="predict has no option 'draw'"):
        predict(tiny_run, tiny_set.images, tmp_path / "c", draw=True)  # type: ignore[call-arg]


def test_files_and_memory_give_the_same(tiny_set: TinySet, tiny_run: Path, tmp_path: Path) -> None:
    summary = predict(tiny_run, tiny_set.images, tmp_path / "a", device="cpu", no_pictures=True)
    records = json.loads(summary.results.read_text())
    files = sorted(tiny_set.images.iterdir())
    found = SAPNet.from_pretrained(tiny_run).predict(files)
    for path, detections in zip(files, found, strict=True):
        own = [record for record in records if record["file_name"] == path.name]
        kept = detections[detections.area > 0]
        assert [record["score"] for record in own] == kept.confidence.tolist()
        assert [record["category_id"] for record in own] == kept.data["category_id"].tolist()


def test_evaluate(tiny_set: TinySet, tmp_path: Path) -> None:
    summary = evaluate(tiny_set.truth, proposals=tiny_set.store, out=tmp_path / "figures.json")
    assert 0 < summary["top1_miou"] <= summary["oracle_miou"] <= 1
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written.keys() == summary.figures.keys()
    assert written["oracle_miou"] == summary["oracle_miou"]
    assert summary.out == tmp_path / "figures.json"
    assert evaluate(tiny_set.truth, proposals=tiny_set.store).out is None
    with pytest.raises(KeyError, match="mask_ap: expected one of "):
        summary["mask_ap"]
    with pytest.raises(ValueError, match="expected labels, proposals or predictions"):
        evaluate(tiny_set.truth)


def test_missed(tiny_set: TinySet, tiny_run: Path, tmp_path: Path) -> None:
    labels, out = tmp_path / "labels.json", tmp_path / "missed.json"
    label(tiny_set.images, tiny_set.store, labels, top1=True)
    network = load_model(tiny_run, "cpu")
    found = missed(network, labels, tiny_set.images, out, min_score=0.0)
    content = json.loads(out.read_text())["annotations"]
    assert (found.out, found.num_objects) == (out, len(content))
    assert found.num_images == len({entry["image_id"] for entry in content})
    few = missed(tiny_run, labels, tiny_set.images, out, min_score=1.0, device="cpu")
    assert few.num_objects == 0
    with pytest.raises(FileNotFoundError, match=r"labels\.json: no such file"):
        missed(network, tmp_path / "no" / "labels.json", tiny_set.images)
    with pytest.raises(ValueError, match="min_score: expected 0 to 1, found 2"):
        missed(network, labels, tiny_set.images, min_score=2)
    with pytest.raises(TypeError, match="missed has no option 'min_scor'; did you mean 'min_score"):
        missed(network, labels, min_scor=0.2)  # type: ignore[call-arg]


def test_audit(tiny_set: TinySet, tmp_path: Path) -> None:
    labels, figures = tmp_path / "labels.json", tmp_path / "figures.json"
    label(tiny_set.images, tiny_set.store, labels, top1=True)
    first = audit(labels, tiny_set.images, num=5, figures_only=True)
    assert first.judgements == tmp_path / "audit.json"
    assert (first.figures.num_judged, first.metrics) == (0, None)
    content = json.loads(first.judgements.read_text())
    for entry in content["sample"]:
        entry["judgement"] = "keep"
    first.judgements.write_text(json.dumps(content))
    again = audit(labels, tiny_set.images, num=5, figures_only=True, metrics=figures)
    assert again.figures.num_judged == len(content["sample"])
    assert again.figures.right is not None
    assert again.figures.right.value == 1.0
    assert json.loads(figures.read_text()) == json.loads(json.dumps(again.figures.to_json()))
    with pytest.raises(ValueError, match="expected either --run RUN or --labels FILE"):
        audit(images=tiny_set.images, figures_only=True)


def test_push(tiny_run: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    summary = push(tiny_run, "me/shapes", licence="apache-2.0", data="drawn", card=card)
    assert (summary.card, summary.address) == (card, None)
    text = card.read_text()
    assert "license: apache-2.0" in text
    assert "Training images: drawn" in text
    with pytest.raises(ValueError, match="--to: expected USER/NAME, found 'shapes'"):
        push(tiny_run, "shapes")
    with pytest.raises(TypeError, match="push has no option 'license'; did you mean 'licence'"):
        push(tiny_run, "me/shapes", license="mit")  # type: ignore[call-arg]
