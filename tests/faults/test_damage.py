"""Damaged runs and stores, full disks, divergence: one line that names the file, nothing lost."""

from __future__ import annotations

import errno
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from sapnet.cli import TRACEBACK, main
from sapnet.doctor.artifacts import examine_store
from sapnet.network.loading import load_model
from sapnet.network.model import Network
from sapnet.store.layout import StoreError
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category
from sapnet.system import files
from sapnet.system.lock import InUseError
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train
from sapnet.training.run_folder import CHECKPOINT, RunFolder, check_checkpoint

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig
    from tests.conftest import TinySet

Output = pytest.CaptureFixture[str]

JUNK = [b"", b"[]", b"{}", b"null", b"\xff\xfe\x00", b"junk" * 100, b"[" * 100_000]


@pytest.fixture
def run(tiny_model: ModelConfig, tmp_path: Path) -> Path:
    Network(tiny_model, (Category(1, "cup"), Category(2, "cat"))).save_pretrained(tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
def test_damaged_networks(run: Path, name: str, content: bytes) -> None:
    (run / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"run: .*{name}.* is damaged") as caught:
        load_model(run, "cpu")
    assert len(str(caught.value)) < 1_000
    assert len(str(caught.value).splitlines()) == 1


def test_a_network_without_weights_or_of_other_sizes(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    config["categories"] += [{"category_id": 3, "name": "dog"}]
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="run: the trained network cannot be read"):
        load_model(run, "cpu")
    (run / "model.safetensors").unlink()
    with pytest.raises((OSError, ValueError), match=r"model\.safetensors"):
        load_model(run, "cpu")


@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
def test_damaged_checkpoints_and_settings(content: bytes, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.checkpoint.parent.mkdir()
    folder.checkpoint.write_bytes(content)
    with pytest.raises(ValueError, match=r"last\.ckpt: expected the checkpoint of a training, but"):
        check_checkpoint(folder.checkpoint)
    if content in (b"{}",):
        return
    (tmp_path / "settings.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"settings\.json: expected"):
        folder.begin({})
    (tmp_path / "summary.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"summary\.json: expected"):
        folder.finished_figures()


def read_or_refuse(store: Path) -> list[object] | str:
    """What a store holds, or the sentence with which it is refused."""
    try:
        opened = ProposalStore(store)
        opened.count_given()
        found: list[object] = [*opened.images]
        for index in range(opened.num_images):
            found += [vars(stored.click) for stored in opened.objects_of_image(index)]
    except StoreError as error:
        return str(error)
    return found


@pytest.mark.parametrize("suffix", ["images", "objects"])
@pytest.mark.parametrize("count", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_random_bytes_in_a_store(
    suffix: str, count: int, tiny_set: TinySet, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(tiny_set.store, store)
    (path,) = (store / "shards").glob(f"*.{suffix}.arrow")
    good, rng, refused = path.read_bytes(), random.Random(0), 0
    right = read_or_refuse(store)
    assert isinstance(right, list)
    for _ in range(count):
        content = bytearray(good)
        start = rng.randrange(len(content))
        content[start : start + 200] = rng.randbytes(min(200, len(content) - start))
        path.write_bytes(content)
        found = read_or_refuse(store)
        kinds = {entry.kind for entry in examine_store(store, None).findings}
        is_told = bool(kinds & {"damaged file", "unreadable store"})
        if isinstance(found, str):
            refused += 1
            assert str(store) in found
            assert len(found) < 1_500
        elif suffix == "images":  # bytes between the values may be anything
            assert is_told or found == right
        else:
            assert is_told
    assert refused


@pytest.mark.parametrize("content", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("name", ["manifest.json", "shards/00000.images.arrow"])
def test_junk_in_a_store(content: bytes, name: str, tiny_set: TinySet, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(tiny_set.store, store)
    (store / name).write_bytes(content)
    assert f"{Path(name).name}: damaged" in str(read_or_refuse(store))


@pytest.fixture
def inputs(tiny_set: TinySet, tmp_path: Path) -> TrainInputs:
    return TrainInputs(images=tiny_set.images, out=tmp_path / "run", proposals=tiny_set.store)


def test_a_second_training_in_a_folder_is_refused(
    inputs: TrainInputs, tiny_model: ModelConfig, tiny_training: TrainConfig
) -> None:
    held = FileLock(inputs.out.with_name(f".{inputs.out.name}.lock"))
    with held, pytest.raises(InUseError, match=r"run: another process is writing"):
        train(inputs, tiny_model, tiny_training)
    assert not inputs.out.exists()


def test_a_run_without_its_last_network_writes_it(
    inputs: TrainInputs, tiny_model: ModelConfig, tiny_training: TrainConfig
) -> None:
    """As after a kill between the checkpoint and the network of the last epoch."""
    train(inputs, tiny_model, tiny_training)
    right = (inputs.out / "model.safetensors").read_bytes()
    figures = json.loads((inputs.out / "summary.json").read_text())["figures"]
    (inputs.out / "summary.json").unlink()
    (inputs.out / "model.safetensors").write_bytes(b"that of the epoch before")
    again = train(inputs, tiny_model, tiny_training)
    assert not again.was_finished
    assert (inputs.out / "model.safetensors").read_bytes() == right
    kept = json.loads((inputs.out / "summary.json").read_text())["figures"]
    assert kept.keys() == figures.keys()


def test_divergence_names_step_losses_and_images(
    inputs: TrainInputs, tiny_model: ModelConfig, tiny_training: TrainConfig
) -> None:
    optimizer = replace(tiny_training.optimizer, name="sgd", lr=1e25, warmup_iterations=0)
    cfg = replace(tiny_training, optimizer=optimizer, epochs=8)
    with pytest.raises(FloatingPointError, match=r"step \d+.*images \[.*Lower --optimizer\.lr"):
        train(inputs, tiny_model, cfg)
    kept = json.loads((inputs.out / "diverged.json").read_text())
    assert kept["image_ids"]
    assert kept["step"] >= 1


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "labels.json"
    path.write_text("before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(
        OSError, match=r"the disk is full.*needs more than .*is unchanged"
    ) as caught:
        files.write_text_atomic(path, "after")
    assert caught.value.filename == str(path)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["labels.json"]


def test_a_full_disk_in_a_store(
    tiny_set: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    from sapnet.store import folder

    synced: list[int] = []

    def full_later(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder.os, "fsync", full_later)
    words = ["propose", "--images", tiny_set.images, "--clicks", tiny_set.clicks]
    words += ["--out", tmp_path / "store", "--proposer", "simulated", "--file", tiny_set.parts]
    assert main([*map(str, words), "--workers", "1"]) == 1
    assert "the disk is full" in capsys.readouterr().err
    assert not list((tmp_path / "store").rglob("*.part"))


def test_no_traceback_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, tmp_path: Path
) -> None:
    """An error that no command foresaw is one line, which says how to report it."""
    import tempfile

    from sapnet.commands import points

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def broken(error: BaseException) -> Callable[..., int]:
        def run(*_: object) -> int:
            raise error

        return run

    for error in (TypeError("a\nb"), RecursionError(), AttributeError("x"), RuntimeError("y")):
        monkeypatch.setattr(
            "sapnet.cli.COMMANDS", {"points": replace(points.COMMAND, run=broken(error))}
        )
        assert main(["points", "--truth", "a", "--out", "b"]) == 1
        line = capsys.readouterr().err
        assert len(line.splitlines()) == 1
        assert f"{type(error).__name__}: " in line
        assert "please report it" in line
        assert type(error).__name__ in (tmp_path / TRACEBACK).read_text()
    monkeypatch.setattr(
        "sapnet.cli.COMMANDS", {"points": replace(points.COMMAND, run=broken(MemoryError()))}
    )
    assert main(["points", "--truth", "a", "--out", "b"]) == 1
    assert "out of memory" in capsys.readouterr().err
    assert CHECKPOINT.name == "last.ckpt"
