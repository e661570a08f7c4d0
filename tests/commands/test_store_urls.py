"""`--proposals` of train, label and evaluate takes a URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
import pytest

from sapnet.cli import main

if TYPE_CHECKING:
    from tests.conftest import TinySet


@pytest.fixture
def urls(
    tiny_set: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, str]]:
    """The tiny store in object storage, and as a URL of local files."""
    monkeypatch.setenv("SAPNET_CACHE", str(tmp_path / "cache"))
    memory = fsspec.filesystem("memory")
    for path in tiny_set.store.rglob("*"):
        if path.is_file():
            name = path.relative_to(tiny_set.store).as_posix()
            memory.pipe_file(f"/bucket/store/{name}", path.read_bytes())
    yield "memory://bucket/store", f"file://{tiny_set.store}"
    memory.rm("/bucket", recursive=True)


def test_labels_and_figures_from_a_url_are_those_of_the_folder(
    tiny_set: TinySet, urls: tuple[str, str], tmp_path: Path
) -> None:
    written = []
    for number, store in enumerate((str(tiny_set.store), *urls)):
        labels, metrics = tmp_path / f"labels{number}.json", tmp_path / f"metrics{number}.json"
        words = ["label", "--top1", "--images", str(tiny_set.images), "--proposals", store]
        assert main([*words, "--out", str(labels)]) == 0
        words = ["evaluate", "--proposals", store, "--labels", str(labels)]
        assert main([*words, "--truth", str(tiny_set.truth), "--out", str(metrics)]) == 0
        content = json.loads(labels.read_text())
        written.append((content["annotations"], json.loads(metrics.read_text())))
    assert written[0] == written[1] == written[2]
    assert len(written[0][0]) > 5


def test_training_from_a_url_is_described_by_it(
    tiny_set: TinySet, urls: tuple[str, str], tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "epochs: 1\nworkers: 0\ndevice: cpu\noptimizer: {name: adamw, lr: 0.001}\n"
        "model: {backbone: test_resnet, weights: none, fpn_channels: 16, segmenter: false,\n"
        "  augment: {short_sides: [64], max_long_side: 128}, selection: {hidden_channels: 32}}\n"
    )
    words = ["train", "--config", str(recipe), "--images", str(tiny_set.images)]
    words += ["--proposals", urls[0], "--out", str(tmp_path / "run")]
    assert main(words) == 0
    stored = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert stored["files"]["proposals"] == urls[0]
    assert (tmp_path / "run" / "model.safetensors").is_file()
