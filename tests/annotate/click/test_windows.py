from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sapnet.annotate.click import windows
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.click.windows import AdvisedWindows, windowing_of
from sapnet.annotate.config import AnnotateConfig
from sapnet.annotate.documents import Document
from sapnet.annotate.preview.views import Windows
from sapnet.data.clicks import load_clicks
from sapnet.data.tiles.advice import TileAdvice, advise_tiles
from sapnet.data.tiles.grid import Tiling
from sapnet.structures.clicks import Click


@pytest.fixture
def images(tmp_path: Path) -> Path:
    Image.new("L", (6000, 3000)).save(tmp_path / "map.png")
    return tmp_path


def nuclei(count: int) -> tuple[Click, ...]:
    return tuple(Click(0, 0, 1, ((50.0 + 40 * n, 70.0),)) for n in range(count))


def test_windows_are_advised_once_the_clicks_tell(
    images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, file = open_click_file(images, images / "clicks.json", ["nucleus"])
    advised = AdvisedWindows(file)
    assert advised() is None
    file.replace("map.png", Document(nuclei(9)), None)
    assert advised() is None
    with caplog.at_level(logging.INFO):
        file.replace("map.png", Document(nuclei(12)), None)
        assert advised() == advised() == Tiling(768, 192)
    assert caplog.text.count("in windows of 768 px; --tile 0 for none") == 1
    saved = load_clicks(images / "clicks.json")  # propose reads the same clicks
    advice = advise_tiles(saved.images, saved.clicks)
    assert advice is not None
    assert advice.size == 768


def test_many_clicks_are_not_read_at_each_change(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, file = open_click_file(images, images / "clicks.json", ["nucleus"])
    file.replace("map.png", Document(nuclei(140)), None)
    asked: list[int] = []

    def counted(*words: Any) -> TileAdvice | None:  # noqa: ANN401  # as advise_tiles
        asked.append(len(words[1]))
        return advise_tiles(*words)

    monkeypatch.setattr(windows, "advise_tiles", counted)
    advised = AdvisedWindows(file)
    for count in (140, 141, 142, 143):
        if count > 140:
            file.replace("map.png", Document(nuclei(count)), None)
        assert advised() == Tiling(768, 192)
    assert asked == [140, 142]


def test_named_windows_come_first(images: Path) -> None:
    _, file = open_click_file(images, images / "clicks.json", ["nucleus"])
    file.replace("map.png", Document(nuclei(12)), None)

    def now(tile: int | None, overlap: int | None = None) -> Windows:
        return windowing_of(AnnotateConfig(images, tile=tile, overlap=overlap), file).now()

    assert now(512) == Windows(Tiling(512, 128))
    assert now(512, 64) == Windows(Tiling(512, 64))
    assert now(0) == Windows()
    assert now(None) == Windows(Tiling(768, 192))
    assert now(None, 100) == Windows(Tiling(768, 100))
    with pytest.raises(ValueError, match="tile: expected 64 px or more, found 8"):
        AnnotateConfig(images, tile=8)
