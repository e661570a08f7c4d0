"""README, start, tutorial and device are run: every block, in order, in one folder a page.

A folder holds what a page takes for granted: photographs, ground truth of some, a checkpoint where
the page names one. Commands run in this process, which saves the imports of each. A block under
`<!-- not run: reason -->` is left out.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sapnet.cli import main
from sapnet.commands.command import SUCCESS
from sapnet.demo import parts
from sapnet.geometry.rle import encode_masks
from sapnet.pipeline import choosing
from sapnet.teaching.adapting import adapt as adapting
from sapnet.teaching.adapting.config import AdaptConfig
from sapnet.teaching.config import TuneConfig
from tests.proposals.conftest import save_checkpoint

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n)?^(?P<indent> *)```(?P<language>\w+)\n"
    r"(?P<content>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
SERVERS = {"annotate", "audit", "review"}
"""Commands that serve a page until they are stopped."""

DEFAULT_SAM = "facebook/sam-vit-base"


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, indentation removed, and why it is not run, if so."""

    language: str
    content: str
    reason: str | None


def blocks(page: str) -> Iterator[Block]:
    for found in BLOCK.finditer((ROOT / page).read_text("utf-8")):
        lines = [line.removeprefix(found["indent"]) for line in found["content"].splitlines()]
        yield Block(found["language"], "\n".join(lines), found["reason"])


def run_page(page: str) -> None:
    """Runs the blocks of a page in the working directory."""
    for block in blocks(page):
        if block.reason is None:
            RUNNERS[block.language](block.content)


def run_json(content: str) -> None:
    """The page tells to write this as the clicks."""
    Path("clicks.json").write_text(content, encoding="utf-8")


def run_yaml(content: str) -> None:
    """The page's recipe."""
    Path("recipe.yaml").write_text(content, encoding="utf-8")


def run_bash(content: str) -> None:
    for line in content.replace("\\\n", " ").splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "sapnet", f"only sapnet commands are run: {line}"
        if words[0] in SERVERS:
            serve_for_a_moment(words)
        else:
            assert main(words) == 0, line


def serve_for_a_moment(words: list[str]) -> None:
    """Starts a command that serves a page, asks for the page once, and stops it as Ctrl-C does."""
    server = subprocess.Popen(
        [sys.executable, "-m", "sapnet", *words, "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )
    try:
        said: list[str] = []
        for line in server.stdout or ():
            said.append(line)
            if address := re.search(r"http://[\w.:\[\]]+/?", line):
                with urllib.request.urlopen(address[0], timeout=30) as answer:
                    assert answer.status == 200
                break
        else:
            pytest.fail(f"no address in {said}")
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) in (SUCCESS, 128 + signal.SIGINT)
    finally:
        server.kill()


def run_python(content: str) -> None:
    exec(compile(content, "block", "exec"), {"__name__": "__main__"})


RUNNERS: dict[str, Callable[[str], None]] = {
    "json": run_json,
    "yaml": run_yaml,
    "bash": run_bash,
    "python": run_python,
}


# --- what the pages take for granted ------------------------------------------------------------


def draw_scene(size: tuple[int, int], centers: list[tuple[int, int]]) -> np.ndarray:
    """(height, width, 3) uint8: a disc round each (x, y) on a noisy ground."""
    rng = np.random.default_rng(0)
    image = rng.integers(90, 130, (*size, 3), dtype=np.uint8)
    for place, mask in enumerate(disc_masks(size, centers)):
        image[mask] = (220, 40 + 150 * place, 60)
    return image


def disc_masks(size: tuple[int, int], centers: list[tuple[int, int]]) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]]
    radius = min(size) // 8
    discs = [(x - cx) ** 2 + (y - cy) ** 2 < radius**2 for cx, cy in centers]
    return np.stack(discs)


def write_truth(path: Path, clicks: dict[str, Any], file_name: str | None = None) -> None:
    """COCO instance json of the discs of a page's own clicks."""
    (image,) = clicks["images"]
    size = (image["height"], image["width"])
    centers = [tuple(map(int, entry["point"])) for entry in clicks["annotations"]]
    rles = encode_masks(disc_masks(size, centers))
    annotations = [
        {
            **{key: entry[key] for key in ("id", "image_id", "category_id")},
            "segmentation": {"size": list(rle["size"]), "counts": rle["counts"].decode()},
            "iscrowd": 0,
        }
        for entry, rle in zip(clicks["annotations"], rles, strict=True)
    ]
    images = [{**image, "file_name": file_name or image["file_name"]}]
    path.write_text(json.dumps({**clicks, "images": images, "annotations": annotations}))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    shorten_runs(monkeypatch)
    return tmp_path


def shorten_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets `sapnet run` train for two steps, and the proposer learn from few clicks."""
    monkeypatch.setattr(choosing, "CPU_LENGTHS", {"fast": choosing.Length(2, 1)})
    few = AdaptConfig(rounds=1, max_clicks=60, steps=2, tune=TuneConfig(max_judged=8))
    monkeypatch.setattr(adapting, "adapt", partial(adapting.adapt, cfg=few))


def make_photographs(folder: Path, page: str) -> None:
    """The image that the page's clicks name, its ground truth, and images nobody clicked on."""
    clicks = json.loads(next(b.content for b in blocks(page) if b.language == "json"))
    (image,) = clicks["images"]
    size = (image["height"], image["width"])
    centers = [tuple(map(int, entry["point"])) for entry in clicks["annotations"]]
    scene = Image.fromarray(draw_scene(size, centers))
    path = folder / "photos" / image["file_name"]
    path.parent.mkdir(parents=True)
    scene.save(path)
    (folder / "new_photos").mkdir()
    scene.save(folder / "new_photos" / "000000000001.jpg")
    for name in ("a.jpg", "b.jpg", "photo.jpg"):
        scene.save(folder / name)
    write_truth(folder / "instances.json", clicks)
    write_truth(folder / "new_instances.json", clicks, "000000000001.jpg")
    proposals = [
        {
            "annotation_id": entry["id"],
            "segmentations": [{"size": list(rle["size"]), "counts": rle["counts"].decode()}],
        }
        for entry, rle in zip(
            clicks["annotations"], encode_masks(disc_masks(size, centers)), strict=True
        )
    ]
    (folder / "proposals.json").write_text(json.dumps(proposals))


def put_in_hub_cache(folder: Path, name: str, cache: Path) -> None:
    """Lays a saved model where the hub's client keeps what it has fetched."""
    revision = "0" * 40
    kept = cache / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, kept / "snapshots" / revision)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(revision)


@pytest.fixture
def segmenters(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny SAM under the default hub name, and one in the folder that the tutorial names."""
    import huggingface_hub.constants
    import transformers.utils.hub

    local = save_checkpoint("sam", folder / "weights" / "sam-vit-large")
    cache = folder / "hub"
    put_in_hub_cache(local, DEFAULT_SAM, cache)
    for module, name in (
        (huggingface_hub.constants, "HF_HUB_CACHE"),
        (transformers.utils.hub, "HF_HUB_CACHE"),
    ):
        monkeypatch.setattr(module, name, str(cache), raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


# --- the pages ----------------------------------------------------------------------------------


def test_readme(folder: Path) -> None:
    make_photographs(folder, "README.md")
    run_page("README.md")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["num_objects"] == 1
    assert 0 < metrics["label_miou"] <= metrics["oracle_miou"] <= 1
    assert len(list((folder / "predictions" / "pictures").iterdir())) == 1


@pytest.mark.usefixtures("segmenters")
def test_tutorial(folder: Path) -> None:
    make_photographs(folder, "docs/tutorial.md")
    run_page("docs/tutorial.md")
    for store in ("store", "sam_store", "large_store", "file_store"):
        assert (folder / store / "manifest.json").is_file(), store
    for run in ("run", "small_run", "second"):
        assert (folder / run / "model.safetensors").is_file(), run
    labels = json.loads((folder / "labels.json").read_text())
    assert [len(entry["candidates"]["scores"]) > 1 for entry in labels["annotations"]] == [True] * 2
    assert (folder / "object-1.png").is_file()
    assert json.loads((folder / "metrics.json").read_text()).keys() >= {"mask_ap", "box_ap"}


def keep_few_nuclei(folder: Path) -> Path:
    """Copies 5 of the 20 clicked and 2 of the 10 held-out images that ship with the demo."""
    for split, count in (("train", 5), ("val", 2)):
        truth = json.loads((parts.NUCLEI / f"instances_{split}.json").read_text())
        truth["images"] = truth["images"][:count]
        kept = {image["id"] for image in truth["images"]}
        truth["annotations"] = [a for a in truth["annotations"] if a["image_id"] in kept]
        images = folder / "images" / split
        images.mkdir(parents=True)
        for image in truth["images"]:
            shutil.copy(parts.NUCLEI / "images" / split / image["file_name"], images)
        (folder / f"instances_{split}.json").write_text(json.dumps(truth))
    return folder


def test_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "NUCLEI", keep_few_nuclei(folder / "nuclei"))
    run_page("docs/start.md")
    report = (folder / "runs" / "first" / "report.html").read_text("utf-8")
    assert "oracle" in report
    assert "data:image/jpeg;base64," in report


def test_device(folder: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the page needs the extra `export`")
    make_photographs(folder, "docs/device.md")
    run_page("docs/device.md")
    for name in ("model.onnx", "model.xml", "model.bin", "model_int8.onnx"):
        assert (folder / name).is_file(), name
    assert (folder / "predictions" / "results.json").is_file()


def test_what_is_not_run_says_why() -> None:
    left_out = [
        (block.language, block.reason)
        for page in ("README.md", "docs/start.md", "docs/tutorial.md", "docs/device.md")
        for block in blocks(page)
        if block.reason
    ]
    assert left_out
    for language, reason in left_out:
        assert language == "bash"
        assert reason.startswith(
            ("installs", "the demo and the tests", "needs a GPU", "somebody has to", "a script")
        ), reason
