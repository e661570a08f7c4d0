from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from sapnet.batches.dataset import ClickDataset
from sapnet.batches.sample import Sample
from sapnet.data.clicks import load_clicks
from sapnet.data.corrections import save_corrections
from sapnet.evaluation.proposals import proposal_ious
from sapnet.geometry.rle import encode_masks
from sapnet.labelling.config import LabelConfig
from sapnet.labelling.label import label
from sapnet.network import start
from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.network.model import Network
from sapnet.network.start import save_start
from sapnet.selection.branch import SelectionBranch
from sapnet.store.reader import ProposalStore
from sapnet.structures.batch import Bags
from sapnet.structures.clicks import Category
from sapnet.structures.corrections import Correction, Corrections
from sapnet.structures.outputs import Selection
from sapnet.training.config import TrainConfig
from sapnet.training.inputs import TrainInputs, TrainSummary
from sapnet.training.run import train
from sapnet.training.run_folder import CHECKPOINT

if TYPE_CHECKING:
    from tests.conftest import TinySet

Run = Callable[..., TrainSummary]


@pytest.fixture
def run(tiny_set: TinySet, tiny_model: ModelConfig, tiny_training: TrainConfig) -> Run:
    """Trains on the tiny set; keywords replace fields of inputs, network or training."""

    def start(out: Path, **changes: object) -> TrainSummary:
        inputs = TrainInputs(images=tiny_set.images, out=out, proposals=tiny_set.store)
        settings, cfg = tiny_model, tiny_training
        for name, value in changes.items():
            if hasattr(inputs, name):
                inputs = replace(inputs, **{name: value})
            elif hasattr(cfg, name):
                cfg = replace(cfg, **{name: value})
            else:
                settings = replace(settings, **{name: value})
        return train(inputs, settings, cfg)

    return start


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_set: TinySet,
    tiny_model: ModelConfig,
    tiny_training: TrainConfig,
) -> Path:
    """A whole run of two epochs, with the truth known and held-out images."""
    out = tmp_path_factory.mktemp("finished") / "run"
    train(
        TrainInputs(
            images=tiny_set.images,
            out=out,
            proposals=tiny_set.store,
            truth=tiny_set.truth,
            val_images=tiny_set.images,
            val_truth=tiny_set.truth,
        ),
        tiny_model,
        tiny_training,
    )
    return out


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def _assert_same(a: Path, b: Path) -> None:
    ours, theirs = _weights(a), _weights(b)
    assert ours.keys() == theirs.keys()
    different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert different == []


def _log(run: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for path in sorted(run.glob("logs/version_*/metrics.csv")):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    return rows


def _interrupt_in(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sixth image of that epoch is Ctrl-C."""
    original, seen = ClickDataset.__getitem__, []

    def stop(self: ClickDataset, index: int) -> Sample:
        seen.append(index)
        if int(self._epoch) == epoch and len(seen) % len(self) == 6:
            raise KeyboardInterrupt
        return original(self, index)

    monkeypatch.setattr(ClickDataset, "__getitem__", stop)


def test_run_folder(finished: Path) -> None:
    assert (finished / "config.json").is_file()
    assert (finished / "model.safetensors").is_file()
    assert list(finished.glob("tensorboard/version_0/events.*"))
    assert not list(finished.rglob("*.partial"))
    settings = json.loads((finished / "settings.json").read_text())
    assert settings["train"]["epochs"] == 2
    assert settings["model"]["backbone"] == "test_resnet"


def test_checkpoint_holds_plain_tensors_alone(finished: Path) -> None:
    state = torch.load(finished / CHECKPOINT, weights_only=True)
    assert state["epoch"] == 1
    trained = {k.removeprefix("model."): v for k, v in state["state_dict"].items()}
    for name, value in _weights(finished).items():
        assert torch.equal(value, trained[name])


def test_every_loss_is_logged_at_every_step(finished: Path) -> None:
    rows = [row for row in _log(finished) if row["loss"]]
    assert [int(row["step"]) for row in rows] == [0, 1, 2, 3]
    parts = [
        "loss_selection",
        "loss_refinement_positive",
        "loss_refinement_negative",
        "loss_mask",
        "loss_class",
    ]
    for row in rows:
        assert sum(float(row[name]) for name in parts) == pytest.approx(float(row["loss"]), 1e-4)
        assert float(row["lr"]) > 0


def test_held_out_figures_are_logged_once_an_epoch(finished: Path) -> None:
    figures = [float(row["val_mask_ap"]) for row in _log(finished) if row["val_mask_ap"]]
    assert len(figures) == 2
    assert all(0 <= figure <= 1 for figure in figures)


def test_label_quality_equals_the_iou_of_the_choices(
    run: Run, tiny_set: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, chosen = SelectionBranch.forward, []

    def noting(
        self: SelectionBranch, features: list[torch.Tensor], bags: Bags, *rest: torch.Tensor
    ) -> Selection:
        selection = original(self, features, bags, *rest)
        chosen.extend(zip(bags.annotation_ids.tolist(), selection.index.tolist(), strict=True))
        return selection

    monkeypatch.setattr(SelectionBranch, "forward", noting)
    summary = run(tmp_path / "run", truth=tiny_set.truth, epochs=1)
    ious = proposal_ious(tiny_set.store, tiny_set.truth)
    assert len(chosen) == len(ious) > 5
    expected = np.mean([ious[annotation_id][index] for annotation_id, index in chosen])
    assert summary.figures["label_miou"] == pytest.approx(float(expected), abs=1e-6)


def test_frozen_norms_stay_as_they_are(run: Run, tmp_path: Path) -> None:
    run(tmp_path / "run", frozen_norms=True, epochs=1)
    weights = _weights(tmp_path / "run")
    means = [name for name in weights if name.endswith("running_mean")]
    assert len(means) > 5
    for name in means:
        assert not weights[name].any(), name
        assert torch.all(weights[name.replace("_mean", "_var")] == 1), name


def test_truth_and_held_out_images_do_not_reach_the_weights(
    run: Run, finished: Path, tmp_path: Path
) -> None:
    run(tmp_path / "blind")
    _assert_same(tmp_path / "blind", finished)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_interrupted_run_goes_on_exactly(
    run: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        _interrupt_in(1, patch)
        with pytest.raises(KeyboardInterrupt):
            run(out)
    assert torch.load(out / CHECKPOINT, weights_only=True)["epoch"] == 0

    summary = run(out, workers=workers)
    assert not summary.was_finished
    _assert_same(out, finished)


def test_a_resumed_run_asks_for_no_initial_weights(
    run: Run, tiny_model: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(tiny_model, (Category(1, "object"),))
    file = save_start(tmp_path / "start", network.state_dict(), network.settings, {})
    monkeypatch.setattr(start, "EMBEDDED", file)
    with monkeypatch.context() as patch:
        _interrupt_in(1, patch)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run", weights="available")
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["model"]["start"] == "embedded"
    file.unlink()
    assert not run(tmp_path / "run", weights="available").was_finished


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_interrupted_inside_an_epoch_goes_on_exactly(
    run: Run, tiny_set: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Four steps an epoch; stopped in the third of the second epoch, two checkpoints into it."""
    changes = {"batch_size": 2, "truth": tiny_set.truth, "checkpoint_minutes": 1e-6}
    whole = run(tmp_path / "whole", **changes)
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        _interrupt_in(1, patch)
        with pytest.raises(KeyboardInterrupt):
            run(out, **changes)
    state = torch.load(out / CHECKPOINT, weights_only=True)
    assert (state["epoch"], state["global_step"]) == (1, 6)

    seen: list[int] = []
    original = ClickDataset.__getitem__
    monkeypatch.setattr(
        ClickDataset, "__getitem__", lambda self, i: (seen.append(i), original(self, i))[1]
    )
    summary = run(out, workers=workers, **changes)
    _assert_same(out, tmp_path / "whole")
    if workers == 0:
        assert len(seen) == 4  # of the eight images of the second epoch
    assert summary.figures["label_miou"] == pytest.approx(whole.figures["label_miou"], abs=1e-6)
    steps = [int(row["step"]) for row in _log(out) if row["loss"]]
    assert steps[-2:] == [6, 7]


def test_without_minutes_only_epochs_are_saved(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt_in(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", batch_size=2, checkpoint_minutes=0.0)
    assert torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)["global_step"] == 4


def test_interrupts_work_again_after_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    before = signal.getsignal(signal.SIGINT)
    _interrupt_in(0, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run")
    assert signal.getsignal(signal.SIGINT) is before


def test_loader_processes_see_the_views_of_the_epoch(
    run: Run, finished: Path, tmp_path: Path
) -> None:
    run(tmp_path / "run", workers=1)
    _assert_same(tmp_path / "run", finished)


def test_other_settings_are_refused_by_name(run: Run, finished: Path) -> None:
    with pytest.raises(ValueError, match=r"train.seed is 0 there and 1 now.*another --out"):
        run(finished, seed=1)
    with pytest.raises(ValueError, match=r"model.fpn_channels is 16 there and 32 now"):
        run(finished, fpn_channels=32)


def test_corrections_are_learned_from_and_belong_to_the_run(
    run: Run, tiny_set: TinySet, finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clicks = load_clicks(tiny_set.clicks)
    first, second, third = clicks.clicks[:3]
    triangle = np.tri(96, 96, dtype=np.uint8)[None]
    decided = replace(first, mask=encode_masks(triangle)[0])

    def correct(deleted: int) -> Path:
        corrections = Corrections(
            clicks.images,
            clicks.categories,
            {first.annotation_id: Correction(decided, "clicked")},
            frozenset({deleted}),
        )
        return save_corrections(tmp_path / "corrections.json", corrections)

    with caplog.at_level("INFO", logger="sapnet"):
        run(tmp_path / "run", corrections=correct(second.annotation_id))
    assert "2 corrections: 1 mask fixed, 1 object left out" in caplog.text
    ours, plain = _weights(tmp_path / "run"), _weights(finished)
    assert any(not torch.equal(ours[name], plain[name]) for name in ours)
    with pytest.raises(ValueError, match=r"files\.corrections is .*another --out"):
        run(tmp_path / "run", corrections=correct(third.annotation_id))


def test_corrections_of_masks_are_refused(run: Run, tiny_set: TinySet, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sapnet label --corrections"):
        run(
            tmp_path / "run",
            supervision="masks",
            masks=tiny_set.truth,
            corrections=tmp_path / "corrections.json",
        )


def test_what_does_not_change_the_weights_may_change(run: Run, finished: Path) -> None:
    assert run(finished, workers=1, log_every=7).was_finished


def test_a_finished_run_is_left_alone(
    run: Run, finished: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {p: p.stat().st_mtime_ns for p in finished.rglob("*") if p.is_file()}
    with caplog.at_level("INFO", logger="sapnet"):
        summary = run(finished)
    assert summary.was_finished
    assert 0 < summary.figures["label_miou"] <= 1
    assert "is finished (2 epochs); nothing to do" in caplog.text
    assert {p: p.stat().st_mtime_ns for p in finished.rglob("*") if p.is_file()} == files


def test_a_run_that_failed_before_its_first_epoch_blocks_nothing(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(FileNotFoundError, match="no file at"):
        run(out, weights=str(tmp_path / "missing.pth"))
    assert run(out, epochs=1).epochs == 1


@pytest.mark.parametrize("supervision", ["top1", "masks"])
def test_other_supervision(run: Run, tiny_set: TinySet, tmp_path: Path, supervision: str) -> None:
    masks = {"masks": tiny_set.truth, "proposals": None} if supervision == "masks" else {}
    summary = run(tmp_path / "run", supervision=supervision, epochs=1, **masks)
    assert {"loss_mask", "loss_class"} < summary.figures.keys()
    assert "loss_selection" not in summary.figures
    assert len(load_model(tmp_path / "run", "cpu").categories) == 3


def test_missing_supervision_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--supervision masks needs --masks"):
        run(tmp_path / "run", supervision="masks")
    with pytest.raises(ValueError, match="--supervision clicks needs --proposals"):
        run(tmp_path / "run", proposals=None)
    assert not (tmp_path / "run").exists()


def test_half_of_the_held_out_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"val.images and --val.truth are given together"):
        TrainInputs(images=tmp_path, out=tmp_path, val_images=tmp_path)


def test_bf16_run(run: Run, tmp_path: Path) -> None:
    summary = run(tmp_path / "run", precision="bf16", epochs=1)
    assert np.isfinite(summary.figures["loss"])


def test_a_loss_that_is_not_finite_names_the_images(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sapnet.network.model import TrainingOutput

    monkeypatch.setattr(TrainingOutput, "total", property(lambda _: torch.tensor(float("nan"))))
    with pytest.raises(FloatingPointError, match=r"not finite at step 0 \(images \[.*loss_mask"):
        run(tmp_path / "run", epochs=1)


def test_selection_alone_learns_and_labels(run: Run, tiny_set: TinySet, tmp_path: Path) -> None:
    summary = run(tmp_path / "run", segmenter=False, truth=tiny_set.truth)
    assert 0 < summary.figures["label_miou"] < 1
    assert not {"loss_mask", "loss_class"} & summary.figures.keys()
    names = _weights(tmp_path / "run")
    assert any(name.startswith("selection.") for name in names)
    assert not any(name.startswith("segmentation.") for name in names)
    store = ProposalStore(tiny_set.store)
    written = label(
        load_model(tmp_path / "run", "cpu"),
        tiny_set.images,
        store,
        tmp_path / "l.json",
        LabelConfig(workers=0),
    )
    assert written.num_objects == int(store.num_objects_of_image.sum())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"supervision": "top1"}, "selection alone, which --supervision top1 does not have"),
        ({"val": True}, "--val.images scores the segmenter"),
    ],
)
def test_selection_alone_refuses_what_needs_a_segmenter(
    changes: dict[str, object],
    message: str,
    tiny_set: TinySet,
    tiny_model: ModelConfig,
    tiny_training: TrainConfig,
    tmp_path: Path,
) -> None:
    inputs = TrainInputs(tiny_set.images, tmp_path / "run", proposals=tiny_set.store)
    if changes.pop("val", False):
        inputs = replace(inputs, val_images=tiny_set.images, val_truth=tiny_set.truth)
    with pytest.raises(ValueError, match=message):
        train(inputs, replace(tiny_model, segmenter=False), replace(tiny_training, **changes))
    assert not (tmp_path / "run").exists()


def test_training_on_nothing_is_refused(run: Run, tiny_set: TinySet, tmp_path: Path) -> None:
    """The case `train-without-objects`; all clicks were deleted in review, or none is there."""
    ids = [c.annotation_id for c in load_clicks(tiny_set.clicks).clicks]
    store = ProposalStore(tiny_set.store)
    nothing = Corrections(tuple(store.images), store.categories, {}, frozenset(ids))
    save_corrections(tmp_path / "corrections.json", nothing)
    with pytest.raises(ValueError, match="no object to learn from"):
        run(tmp_path / "run", corrections=tmp_path / "corrections.json")
    empty = json.loads(tiny_set.truth.read_text()) | {"annotations": []}
    (tmp_path / "empty.json").write_text(json.dumps(empty))
    with pytest.raises(ValueError, match=r"empty\.json: no object to learn from"):
        run(tmp_path / "run", supervision="masks", masks=tmp_path / "empty.json", proposals=None)
    assert not (tmp_path / "run").exists()


def test_a_truth_with_other_ids_gives_the_same_quality(
    tiny_set: TinySet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = json.loads(tiny_set.truth.read_text())
    ids = [annotation["id"] for annotation in content["annotations"]]
    for annotation, number in zip(content["annotations"], ids[1:] + ids[:1], strict=True):
        annotation["id"] = number
    path = tmp_path / "renumbered.json"
    path.write_text(json.dumps(content))
    expected = proposal_ious(tiny_set.store, tiny_set.truth)
    assert not caplog.messages
    found = proposal_ious(tiny_set.store, path)
    assert "objects are matched by image, category and click" in caplog.text
    assert found.keys() == expected.keys()
    for key, ious in expected.items():
        np.testing.assert_array_equal(found[key], ious)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_image_stops_with_one_line(
    run: Run, tiny_set: TinySet, tmp_path: Path, workers: int
) -> None:
    """The case `label-traceback-in-worker`."""
    images = tmp_path / "images"
    shutil.copytree(tiny_set.images, images)
    bad = sorted(images.iterdir())[0]
    bad.write_bytes(bad.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"cannot be read as an image") as error:
        run(tmp_path / "run", images=images, workers=workers)
    assert str(error.value).startswith(f"{bad}: ")
    assert "Traceback" not in str(error.value)


def test_the_run_keeps_the_depth_of_its_images(run: Run, tiny_set: TinySet, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for path in tiny_set.images.iterdir():
        gray = np.asarray(Image.open(path).convert("L"), np.uint16) * 16
        Image.fromarray(gray).save(images / path.name)
    run(tmp_path / "run", images=images, epochs=1)
    assert load_model(tmp_path / "run", "cpu").settings.augment.bits == 12
    run(tmp_path / "given", images=images, epochs=1, bits=14)
    assert load_model(tmp_path / "given", "cpu").settings.augment.bits == 14
    run(tmp_path / "plain", epochs=1)
    assert load_model(tmp_path / "plain", "cpu").settings.augment.bits is None
