"""A run that is called again with new clicks or corrections does the new work only."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.corrections import save_corrections
from sapnet.evaluation.label_file import load_labels
from sapnet.pipeline import run as run_module
from sapnet.pipeline.run import run_pipeline
from sapnet.store.reader import ProposalStore
from sapnet.structures.corrections import Correction, Corrections

if TYPE_CHECKING:
    from sapnet.pipeline.config import PipelineConfig, PipelineInputs
    from sapnet.structures.clicks import ClickSet
    from tests.conftest import TinySet


def read(path: Path) -> Any:  # noqa: ANN401  # json
    return json.loads(path.read_text("utf-8"))


def first_images(clicks: ClickSet, number: int) -> ClickSet:
    images = clicks.images[:number]
    ids = {image.image_id for image in images}
    return replace(
        clicks, images=images, clicks=tuple(c for c in clicks.clicks if c.image_id in ids)
    )


@pytest.fixture
def inputs(tiny_set: TinySet, tiny_inputs: PipelineInputs, tmp_path: Path) -> PipelineInputs:
    """The clicks of the first 5 of 8 images, without any truth."""
    path = tmp_path / "clicks.json"
    save_clicks(path, first_images(load_clicks(tiny_set.clicks), 5))
    return replace(tiny_inputs, clicks=path, val_images=None, val_truth=None, truth=None)


@pytest.fixture
def cfg(tiny_cfg: PipelineConfig) -> PipelineConfig:
    return replace(tiny_cfg, epochs=4, max_predicted=0)


def add_all(tiny_set: TinySet, inputs: PipelineInputs) -> None:
    save_clicks(inputs.clicks, load_clicks(tiny_set.clicks))


def test_new_images_are_all_that_is_proposed_for(
    tiny_set: TinySet,
    inputs: PipelineInputs,
    cfg: PipelineConfig,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = run_pipeline(inputs, cfg)
    assert first.changes is None
    assert not (inputs.out / "previous").exists()
    weights = (inputs.out / "model.safetensors").read_bytes()
    labels = (inputs.out / "labels.json").read_bytes()
    add_all(tiny_set, inputs)
    with caplog.at_level(logging.INFO):
        second = run_pipeline(inputs, cfg)
    assert second.changes is not None
    assert (second.changes.new_images, second.changes.changed_images) == (3, 0)
    assert "round 2, new since the last: 3 new images" in caplog.text
    assert "proposals: 5 images kept, 3 proposed for" in caplog.text
    assert "training begins with the network of the last round" in caplog.text
    # What was there is kept, and the training began with it, shorter.
    previous = inputs.out / "previous"
    assert (previous / "model.safetensors").read_bytes() == weights
    assert (previous / "labels.json").read_bytes() == labels
    settings = read(inputs.out / "settings.json")
    assert settings["files"]["from"] == str(previous.resolve())
    assert settings["model"] == read(previous / "settings.json")["model"]
    assert settings["train"]["epochs"] == round(4 * second.changes.length) < 4
    usual = read(previous / "settings.json")["train"]["optimizer"]["lr"]
    assert settings["train"]["optimizer"]["lr"] == pytest.approx(usual * second.changes.rate)
    assert second.changes.rate < 1
    found = {label.annotation_id for label in load_labels(second.labels).labels.values()}
    assert found == {click.annotation_id for click in load_clicks(tiny_set.clicks).clicks}
    record = read(inputs.out / "run.json")
    assert [entry["changes"] for entry in record["rounds"]] == [
        "the first round",
        str(second.changes),
    ]
    assert record["rounds"][0]["seconds"]["train"] > 0
    # The same call again does nothing.
    before = (inputs.out / "labels.json").stat().st_mtime_ns
    assert run_pipeline(inputs, cfg).changes is None
    assert (inputs.out / "labels.json").stat().st_mtime_ns == before


def test_decisions_of_a_review_are_kept_as_labels(
    inputs: PipelineInputs, cfg: PipelineConfig
) -> None:
    run_pipeline(inputs, cfg)
    (inputs.out / "audit.json").write_text("{}")
    store = ProposalStore(inputs.out / "proposals")
    objects = [stored for i in range(5) for stored in store.objects_of_image(i)]
    picked, deleted = objects[0], objects[1].click.annotation_id
    mask = picked.proposals.rles[-1]
    correction = Correction(replace(picked.click, mask=mask), "picked")
    save_corrections(
        inputs.out / "corrections.json",
        Corrections(
            tuple(store.images),
            store.categories,
            {picked.click.annotation_id: correction},
            frozenset({deleted}),
        ),
    )
    summary = run_pipeline(inputs, cfg)
    assert summary.changes is not None
    assert (summary.changes.decisions, summary.changes.num_to_propose) == (2, 0)
    labels = load_labels(summary.labels).labels
    assert labels[picked.click.annotation_id].rle == mask
    assert deleted not in labels
    # Judgements are of the labels before.
    assert not (inputs.out / "audit.json").exists()
    assert (inputs.out / "previous" / "audit.json").is_file()
    # Another name for the same decisions is nothing new.
    path = inputs.out.parent / "decisions.json"
    (inputs.out / "corrections.json").rename(path)
    assert run_pipeline(replace(inputs, corrections=path), cfg).changes is None
    with pytest.raises(FileNotFoundError, match="Name a file that `sapnet review` wrote"):
        run_pipeline(replace(inputs, corrections=path.with_name("absent.json")), cfg)


@pytest.mark.parametrize("stopped", ["copytree", "propose", "train", "label"])
def test_a_round_that_is_stopped_ends_the_same(
    stopped: str,
    tiny_set: TinySet,
    inputs: PipelineInputs,
    cfg: PipelineConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import shutil

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    run_pipeline(inputs, cfg)
    weights = (inputs.out / "model.safetensors").read_bytes()
    add_all(tiny_set, inputs)
    with monkeypatch.context() as patch:
        patch.setattr(shutil if stopped == "copytree" else run_module, stopped, fail)
        with pytest.raises(KeyboardInterrupt):
            run_pipeline(inputs, cfg)
    # The labels of the round before serve until there are new ones.
    assert len(load_labels(inputs.out / "labels.json").images) == 5
    summary = run_pipeline(inputs, cfg)
    assert summary.changes is None
    assert len(load_labels(summary.labels).images) == 8
    assert (inputs.out / "previous" / "model.safetensors").read_bytes() == weights
    assert read(inputs.out / "settings.json")["files"]["from"].endswith("previous")


def test_clicks_that_change_while_a_round_is_stopped(
    tiny_set: TinySet,
    inputs: PipelineInputs,
    cfg: PipelineConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    every = load_clicks(tiny_set.clicks)
    for number in (6, 7):  # the first round, then the second
        with monkeypatch.context() as patch:
            patch.setattr(run_module, "label" if number == 6 else "train", fail)
            with pytest.raises(KeyboardInterrupt):
                run_pipeline(inputs, cfg)
        save_clicks(inputs.clicks, first_images(every, number))
    summary = run_pipeline(inputs, cfg)
    # The first round had trained on 5 images; the second was stopped, and is done with 7.
    assert summary.changes is not None
    assert summary.changes.new_images == 2
    assert len(load_labels(summary.labels).images) == 7
    assert len(read(inputs.out / "run.json")["rounds"]) == 2


def test_clicks_that_change_before_any_training(
    tiny_set: TinySet,
    inputs: PipelineInputs,
    cfg: PipelineConfig,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "train", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_pipeline(inputs, cfg)
    add_all(tiny_set, inputs)
    with caplog.at_level(logging.INFO):
        run_pipeline(inputs, cfg)
    assert "no training was finished: it begins anew" in caplog.text
    assert "from" not in read(inputs.out / "settings.json")["files"]
    assert not (inputs.out / "previous").exists()


def test_clicks_of_other_images_are_refused(inputs: PipelineInputs, cfg: PipelineConfig) -> None:
    run_pipeline(inputs, cfg)
    labels = (inputs.out / "labels.json").read_bytes()
    clicks = load_clicks(inputs.clicks)
    others = tuple(replace(i, file_name=f"other/{i.file_name}") for i in clicks.images)
    save_clicks(inputs.clicks, replace(clicks, images=others))
    with pytest.raises(ValueError, match=r"holds a run of other images: .* lists none of its 5"):
        run_pipeline(inputs, cfg)
    save_clicks(inputs.clicks, replace(clicks, clicks=()))
    with pytest.raises(ValueError, match="expected clicks, found none on 5 images"):
        run_pipeline(inputs, cfg)
    assert (inputs.out / "labels.json").read_bytes() == labels
    assert not (inputs.out / "previous").exists()
