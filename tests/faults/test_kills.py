"""Commands killed at random moments and at every rename: run again, they end as if never killed."""

from __future__ import annotations

import json
import logging
import random
import re
import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from train_recipe import recipe_text
from zygote import Zygote, _kill, survive

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig
    from tests.conftest import TinySet

logger = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(1800)

KILLS = [2, pytest.param(50, marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with Zygote(tmp_path_factory.mktemp("zygote") / "log.txt") as started:
        yield started


def content(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name; without the times of stores and labels."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name.startswith("."):
            continue
        value = path.read_bytes()
        if name == "manifest.json":
            value = json.dumps({**json.loads(value), "created": ""}).encode()
        value = re.sub(rb'"time": "[^"]*"', b'"time": ""', value)  # of the origin of labels
        found[name] = value
    return found


def check_command(
    zygote: Zygote,
    words: list[object],
    out: Path,
    kills: int,
    read: Callable[[Path], dict[str, bytes]] = content,
) -> None:
    """Kill a command that writes a folder, and compare the folder with an uninterrupted run's."""

    def reset() -> None:
        shutil.rmtree(out, ignore_errors=True)

    reset()
    seconds = zygote.run(words)
    assert seconds.status == 0, zygote.output()[-2000:]
    right = read(out)
    assert right

    def check() -> None:
        assert read(out) == right
        left = [p.name for p in out.parent.iterdir() if p.name.startswith(f".{out.name}")]
        assert not left

    done = survive(zygote, words, seconds.seconds, kills, check, reset)
    logger.info("%s: %d kills", words[0], done)


@pytest.mark.parametrize("kills", KILLS)
def test_propose(kills: int, zygote: Zygote, tiny_set: TinySet, tmp_path: Path) -> None:
    out = tmp_path / "out" / "store"
    words = ["propose", "--images", tiny_set.images, "--clicks", tiny_set.clicks, "--out", out]
    words += ["--proposer", "simulated", "--file", tiny_set.parts, "--workers", 1]
    check_command(zygote, [*words, "--shard-images", 2], out, kills)


@pytest.fixture(scope="module")
def recipe(
    tiny_model: ModelConfig, tiny_training: TrainConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.json"
    path.write_text(recipe_text(tiny_training, tiny_model, precision="32"))
    return path


@pytest.fixture(scope="module")
def run(
    zygote: Zygote, recipe: Path, tiny_set: TinySet, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("trained") / "run"
    assert zygote.run(train_words(recipe, tiny_set, out)).status == 0, zygote.output()[-2000:]
    return out


def train_words(recipe: Path, tiny_set: TinySet, out: Path) -> list[object]:
    words = ["train", "--config", recipe, "--images", tiny_set.images, "--out", out]
    return [*words, "--proposals", tiny_set.store]


def weights(run: Path) -> dict[str, bytes]:
    """The network of a finished run."""
    assert json.loads((run / "summary.json").read_text())["epochs"] == 2
    assert not list(run.rglob("*.partial"))
    return {name: (run / name).read_bytes() for name in ("model.safetensors", "config.json")}


@pytest.mark.parametrize("kills", KILLS)
def test_train(kills: int, zygote: Zygote, recipe: Path, tiny_set: TinySet, tmp_path: Path) -> None:
    out = tmp_path / "out" / "run"
    check_command(zygote, train_words(recipe, tiny_set, out), out, kills, weights)


@pytest.mark.parametrize("kills", KILLS)
def test_label(kills: int, zygote: Zygote, run: Path, tiny_set: TinySet, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["label", "--run", run, "--images", tiny_set.images, "--proposals", tiny_set.store]
    words += ["--device", "cpu", "--workers", 0, "--out", out / "labels.json"]
    check_command(zygote, words, out, kills)


@pytest.mark.parametrize("kills", KILLS)
def test_convert(kills: int, zygote: Zygote, tiny_set: TinySet, tmp_path: Path) -> None:
    out = tmp_path / "out" / "yolo"
    words = ["convert", tiny_set.truth, "--from", "coco", "--images", tiny_set.images]
    check_command(zygote, [*words, "--to", "yolo-seg", "--out", out], out, kills)


@pytest.mark.parametrize("kills", KILLS)
def test_predict(kills: int, zygote: Zygote, run: Path, tiny_set: TinySet, tmp_path: Path) -> None:
    out = tmp_path / "out" / "predictions"
    words = ["predict", "--run", run, "--images", tiny_set.images, "--out", out]
    check_command(zygote, [*words, "--device", "cpu", "--workers", 1], out, kills)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(address: str, method: str = "GET", body: object = None) -> Any:  # noqa: ANN401
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(address, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.loads(response.read())


@pytest.mark.parametrize("kills", KILLS)
def test_server(kills: int, zygote: Zygote, tiny_set: TinySet, tmp_path: Path) -> None:
    """Every save that was acknowledged is in the file, whenever the server is killed."""
    pytest.importorskip("fastapi", reason="the page needs the extra `ui`")
    clicks = tmp_path / "clicks.json"
    port, rng, saved, count = free_port(), random.Random(0), 0, 0
    words = ["annotate", tiny_set.images, "--classes", "thing", "--out", clicks, "--port", port]
    words += ["--proposer", "none", "--no-browser"]
    acknowledged: dict[str, tuple[float, float]] = {}
    for _ in range(kills):
        pid = zygote.start(words)
        session = wait_until_up(f"http://127.0.0.1:{port}")
        names = [image["name"] for image in session["images"]]
        threading.Timer(rng.uniform(0.01, 0.5), _kill, (pid,)).start()
        pending: tuple[str, tuple[float, float]] | None = None
        try:
            while True:
                count += 1
                name, point = rng.choice(names), (count % 96 + 0.5, count // 96 % 96 + 0.5)
                body = {"version": None, "objects": [{"category_id": 1, "points": [point]}]}
                pending = name, point
                address = f"http://127.0.0.1:{port}/api/document?image={quote(name)}"
                ask(address, "PUT", body)
                acknowledged[name] = point
                saved += 1
        except (OSError, HTTPException, ValueError):  # also in the middle of an answer
            assert zygote.wait() == -9
        found = read_points(clicks)
        for name, point in acknowledged.items():
            # The save in flight may have reached the disk, though its answer did not arrive.
            allowed = {point, pending[1]} if pending and pending[0] == name else {point}
            assert found.get(name) in allowed
            acknowledged[name] = found[name]
    pid = zygote.start(words)
    wait_until_up(f"http://127.0.0.1:{port}")
    left = [p.name for p in tmp_path.iterdir() if p.name.startswith(".clicks.json.")]
    _kill(pid)
    zygote.wait()
    assert set(left) <= {".clicks.json.lock"}
    assert saved > 0
    logger.info("annotate: %d kills, %d acknowledged saves", kills, saved)


def wait_until_up(address: str) -> Any:  # noqa: ANN401
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            return ask(f"{address}/api/session")
        except (OSError, HTTPException, ValueError):
            time.sleep(0.02)
    raise AssertionError(f"no server at {address}")


def read_points(clicks: Path) -> dict[str, tuple[float, float]]:
    if not clicks.is_file():
        return {}
    content = json.loads(clicks.read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    return {names[a["image_id"]]: tuple(a["point"]) for a in content["annotations"]}
