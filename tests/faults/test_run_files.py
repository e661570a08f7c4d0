"""Files of runs, weights and other artefacts from anywhere: read, or one line; nothing is run."""

from __future__ import annotations

import json
import os
import pickle
import random
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from sapnet.annotate.teach.record import RECORD, TaughtFolder, open_taught
from sapnet.backbones.backbone import Backbone
from sapnet.backbones.config import BackboneConfig
from sapnet.backbones.weights import load_weights
from sapnet.cli import main
from sapnet.enhancement.training import load_enhancer
from sapnet.evaluation.audit.audit_file import load_audit
from sapnet.network.importing import import_checkpoint
from sapnet.network.loading import load_predictor
from sapnet.network.model import Network
from sapnet.network.start import network_of
from sapnet.pipeline.config import PipelineConfig, PipelineInputs
from sapnet.pipeline.publish import CardFacts, model_card
from sapnet.pipeline.record import RunRecord, describe, load_record
from sapnet.proposals.click.weights import load_weights as load_click_weights
from sapnet.structures.clicks import Category
from sapnet.teaching.state import TeachState
from sapnet.training.run_folder import SETTINGS, sources_of_run
from tests.faults.test_inputs import WRONG, changed, dropped, places

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from tests.conftest import TinySet

SECONDS = 2.0

JUNK = [b"", b"[]", b"{}", b"null", b"\xff\xfe\x00", b"junk" * 100, b"[" * 100_000, b"PK\x03\x04"]
JUNK += [b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", b"\xff" * 8 + b"{}", b"\x80\x02}q\x00."]

_AUDIT = {
    "labels": "labels.json",
    "seed": 0,
    "categories": [{"id": 1, "name": "car"}],
    "strata": [{"category_id": 1, "size": "small", "num_labels": 2}],
    "sample": [
        {"id": 1, "category_id": 1, "size": "small", "uncertainty": 0.5, "doubt_rank": 0.5,
         "mask": "0" * 16, "judgement": "keep"},
        {"id": 2, "category_id": 1, "size": "small", "uncertainty": None, "doubt_rank": None,
         "mask": "1" * 16, "judgement": None},
    ],
}  # fmt: skip

_FIGURES = {"favourite": 0.5, "best": 0.6}
_LESSON = {"pinned": 9, "replaced": None, "before": _FIGURES, "after": _FIGURES}
_TAUGHT = {
    "start": "embedded",
    "current": "1.safetensors",
    "lessons": [{**_LESSON, "weights": "1.safetensors"}],
}


@pytest.fixture(scope="module")
def folder(tiny_model: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of two categories and a clicks file."""
    folder = tmp_path_factory.mktemp("files")
    Network(tiny_model, (Category(1, "cup"), Category(2, "cat"))).save_pretrained(folder / "run")
    (folder / "clicks.json").write_text("{}")
    return folder


def tried(what: str, read: Callable[[], object], named: str) -> str | None:
    """The one line that a reader ends with, or None: anything else is a failure."""
    start, message = time.process_time(), None
    try:
        read()
    except (ValueError, OSError) as error:
        message = str(error)
        assert named in message, f"{what}: {message[:300]}"
        assert len(message) < 1_500, what
        assert "\n" not in message.strip(), f"{what}: {message[:300]}"
    except BaseException as error:
        pytest.fail(f"{what}: {error!r}")
    assert time.process_time() - start < SECONDS, what
    return message


def replaced(path: Path, good: Any, read: Callable[[], object], every: int = 1) -> None:  # noqa: ANN401
    """Read a file of which every value in turn is replaced by wrong ones, or left out."""
    marker = "<the wrong value>"
    path.write_text(json.dumps(good))
    assert tried("right", read, "") is None
    for number, way in enumerate(places(good)):
        template = json.dumps(changed(good, way, marker))
        for text in WRONG[number % every :: every]:
            path.write_text(template.replace(json.dumps(marker), text), encoding="utf-8")
            tried(f"{way} = {text[:20]}", read, path.name)
        if way:
            path.write_text(json.dumps(dropped(good, way)))
            tried(f"without {way}", read, path.name)
    for junk in JUNK:
        path.write_bytes(junk)
        tried(f"{junk[:20]!r}", read, path.name)
    path.write_text(json.dumps(good))


def test_audits(folder: Path) -> None:
    path = folder / "audit.json"
    replaced(path, _AUDIT, lambda: load_audit(path), 2)


def test_lessons(folder: Path) -> None:
    taught = TaughtFolder.of(folder / "clicks.json")
    taught.mkdir()
    replaced(taught / RECORD, _TAUGHT, lambda: str(open_taught(folder / "clicks.json").taught), 2)


def test_cards(folder: Path) -> None:
    run = folder / "run"
    config = json.loads((run / "config.json").read_text())
    good = {"categories": config["categories"], "settings": {"backbone": "r", "augment": {}}}
    good["settings"]["augment"]["short_sides"] = [64]

    def read() -> str:
        return model_card(run, "a/b", CardFacts())

    try:
        replaced(run / "config.json", good, read, 4)
    finally:
        (run / "config.json").write_text(json.dumps(config))
    replaced(run / "summary.json", {"epochs": 2, "figures": {"mask_ap": 0.5}}, read, 4)
    replaced(run / "metrics.json", {"mask_ap": 0.5, "label_miou": 0.5}, read, 4)
    for name in ("summary.json", "metrics.json"):
        (run / name).unlink()


def test_networks(folder: Path) -> None:
    """Every tenth wrong value of the settings of a run; loading takes its time."""
    run = folder / "run"
    config = json.loads((run / "config.json").read_text())
    rng = random.Random(0)
    try:
        for way in rng.sample([*places(config)][1:], 40):
            text = rng.choice(WRONG)
            value = json.dumps(changed(config, way, "<>")).replace('"<>"', text)
            (run / "config.json").write_text(value, encoding="utf-8")
            if text in ("1e9", "0.5") or text.startswith("9" * 9):
                continue  # a network of a billion channels is no fault of the reader
            tried(f"{way} = {text[:20]}", lambda: load_predictor(run, "cpu"), "run")
    finally:
        (run / "config.json").write_text(json.dumps(config))


def test_records_of_runs(folder: Path) -> None:
    inputs = PipelineInputs(folder / "run", folder / "clicks.json", folder / "out")
    cfg = PipelineConfig()
    (folder / "out").mkdir()
    good = asdict(RunRecord(describe(inputs, cfg), {}, {"propose": 1.0}))

    def read() -> object:
        found = load_record(inputs, cfg)
        return found and {name: f"{seconds:.1f}" for name, seconds in found.seconds.items()}

    path = folder / "out" / "run.json"
    path.write_text(json.dumps(good))
    assert read() == {"propose": "1.0"}
    for number, way in enumerate(places(good)):
        for text in WRONG[number % 6 :: 6]:
            value = json.dumps(changed(good, way, "<>")).replace('"<>"', text)
            path.write_text(value, encoding="utf-8")
            tried(f"{way} = {text[:20]}", read, "out")


def test_settings_of_runs(folder: Path) -> None:
    path = folder / "run" / SETTINGS
    good = {"files": {"images": str(folder), "proposals": str(folder)}}
    replaced(path, good, lambda: sources_of_run(folder / "run"))
    path.unlink()


# --- weights ------------------------------------------------------------------------------------


class Hostile:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._place),)


def _state(path: Path) -> None:
    network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.AdamW(network.parameters())
    TeachState(network, network, optimizer).load(path)  # type: ignore[arg-type]


def _backbone(path: Path) -> None:
    cfg = BackboneConfig("test_resnet", str(path))
    load_weights(Backbone(BackboneConfig("test_resnet", "none")), cfg)


def _enhancer(path: Path) -> None:
    (path.parent / "enhancer.json").write_text("{}")
    load_enhancer(path.parent, "cpu")


LOADERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "import-checkpoint": ("a.pth", lambda path: import_checkpoint(path, path.parent / "new")),
    "checkpoint of a proposer's training": ("checkpoint.pt", _state),
    "backbone": ("b.pth", _backbone),
    "backbone, safetensors": ("b.safetensors", _backbone),
    "enhancer": ("enhancer.pt", _enhancer),
    "start": ("start.safetensors", network_of),
    "click segmenter": ("click.safetensors", load_click_weights),
    "onnx": ("model.onnx", load_predictor),
    "torchscript": ("model.pt", load_predictor),
}


@pytest.mark.parametrize("name", LOADERS)
def test_weights_of_strangers(name: str, tmp_path: Path) -> None:
    if name == "onnx":
        pytest.importorskip("onnxruntime", reason="such files need the extra `export`")
    file, load = LOADERS[name]
    path, marker = tmp_path / file, tmp_path / "was run"
    hostile = [pickle.dumps(Hostile(marker)), pickle.dumps({"state_dict": Hostile(marker)})]
    torch.save({"state_dict": {"a": torch.zeros(1)}, "more": Hostile(marker)}, path)
    hostile.append(path.read_bytes())
    rng = random.Random(0)
    torch.save({"state_dict": {"a.weight": torch.zeros(2, 2), 3: torch.zeros(())}}, path)
    right = path.read_bytes()
    hostile += [right, right[: len(right) // 2]]
    for value in (torch.zeros(3), [1], {"state_dict": [1]}, {"state_dict": None}, {1: 2}):
        torch.save(value, path)
        hostile.append(path.read_bytes())
    save_file({"a": torch.zeros(2)}, path, {"format": "sapnet-segmenter-1", "network": "[1]"})
    notes = path.read_bytes()
    hostile += [notes, notes.replace(b"[1]", b"{ }"), notes[:40]]
    save_file({"a": torch.zeros(2)}, path, {"format": "sapnet-click-1"})
    hostile.append(path.read_bytes())
    for _ in range(20):
        content = bytearray(rng.choice((right, notes)))
        for _ in range(3):
            content[rng.randrange(len(content))] = rng.randrange(256)
        hostile.append(bytes(content))
    for number, content in enumerate([*JUNK, *hostile]):
        path.write_bytes(content)
        message = tried(f"{name} {number}", lambda: load(path), tmp_path.name)
        assert message is not None, f"{name} {number}: {content[:60]!r} was read"
        assert not marker.exists(), f"{name} {number}: code was run"


def test_a_checkpoint_of_odd_shapes(tmp_path: Path) -> None:
    names = [f"backbone.layer{i}.{j}.conv3.weight" for i, n in enumerate((3, 4, 6, 3), 1)
             for j in range(n)]  # fmt: skip
    names += ["mask_head.cls_convs.0.conv.weight", "neck.lateral_convs.0.conv.weight"]
    names += ["mask_head.mask_feature_head.conv_pred.conv.weight", "mask_head.conv_cls.weight"]
    path = tmp_path / "odd.pth"
    for shape in ((), (0,), (1,), (2, 3), (0, 0, 0, 0), (1, 1, 1, 1)):
        for meta in (None, [], {"CLASSES": 5}, {"dataset_meta": [1]}, {"CLASSES": ("a",)}):
            state = {name: torch.zeros(shape) for name in names}
            torch.save({"state_dict": state, "meta": meta}, path)
            message = tried(
                f"{shape} {meta}", lambda: import_checkpoint(path, tmp_path / "n"), "odd"
            )
            assert message is not None


def test_commands_end_in_a_line(
    folder: Path, tiny_set: TinySet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the command line: junk in each file that a command names."""
    junk = tmp_path / "junk.pth"
    junk.write_bytes(b"junk" * 100)
    weights = tmp_path / "junk.safetensors"
    weights.write_bytes(b"junk" * 100)
    (tmp_path / "junk").mkdir()
    for name in ("config.json", "model.safetensors", "labels.json", "settings.json"):
        (tmp_path / "junk" / name).write_bytes(b"[]")
    image = next(tiny_set.images.iterdir())
    lines: list[list[object]] = [
        ["missed", "--run", folder / "run", "--labels", junk, "--images", tiny_set.images],
        ["missed", "--run", tmp_path / "junk"],
        ["audit", "--labels", junk, "--images", tiny_set.images, "--figures-only"],
        ["push", "--run", tmp_path / "junk", "--to", "a/b", "--card", tmp_path / "card.md"],
        ["export", "--run", tmp_path / "junk", "--out", tmp_path / "m.onnx"],
        ["import-checkpoint", junk, "--from", "mmdetection", "--out", tmp_path / "new"],
        ["run", tiny_set.images, "--clicks", junk, "--out", tmp_path / "r", "--device", "cpu"],
        ["pretrain", "--data", junk, "--out", tmp_path / "p.safetensors", "--device", "cpu"],
        ["train-proposer", "--data", junk, "--out", tmp_path / "c.safetensors"],
        ["train-proposer", "--data", tiny_set.truth, "--from", weights, "--out", tmp_path / "c"],
        ["segment", junk, "--points", "1,1", "--out", tmp_path / "s"],
        ["segment", image, "--points", "1,1", "--checkpoint", weights, "--out", tmp_path / "s"],
    ]
    for words in lines:
        assert main([*map(str, words)]) in (1, 2), words
        said = capsys.readouterr().err
        assert "fault of sapnet" not in said, said
        assert "Traceback" not in said, said
        assert f"sapnet {words[0]}: error: " in said.strip().splitlines()[-1], said
