from __future__ import annotations

from pathlib import Path

import pytest

from sapnet.teaching.config import SourceConfig
from sapnet.teaching.reading.sources import find_sources, split_source


@pytest.mark.parametrize(
    ("images", "truth"),
    [
        ("images", "instances.json"),
        ("images/train", "instances_train.json"),
        ("train2017", "annotations/instances_train2017.json"),
    ],
)
def test_folders_of_known_layouts(images: str, truth: str, tmp_path: Path) -> None:
    (tmp_path / images).mkdir(parents=True)
    (tmp_path / truth).parent.mkdir(exist_ok=True)
    (tmp_path / truth).write_text("{}")
    (source,) = find_sources([f"{tmp_path},weight=0.25,whole=100"])
    assert source == SourceConfig(str(tmp_path / images), str(tmp_path / truth), 0.25, 100)


def test_images_of_a_file(tmp_path: Path) -> None:
    truth, images, own = tmp_path / "corrections.json", tmp_path / "photos", tmp_path / "own"
    truth.write_text("{}")
    for folder in (images, own):
        folder.mkdir()
    found = find_sources([str(truth), f"{truth},images={own}"], images)
    assert [source.images for source in found] == [str(images), str(own)]
    assert find_sources([str(truth)])[0].images == str(tmp_path)
    (tmp_path / "images").mkdir()
    assert find_sources([str(truth)])[0].images == str(tmp_path / "images")


def test_paths_may_hold_commas_and_equals_signs() -> None:
    assert split_source("a,b=c/d.json,weight=2") == (Path("a,b=c/d.json"), {"weight": "2"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{tmp}/absent", "no such folder or file"),
        ("{tmp}", "expected images and masks"),
        ("{tmp}/a.json,weight=much", "expected 'weight' as a number, found 'much'"),
        ("{tmp}/a.json,weight=0", "expected a number > 0"),
        ("{tmp}/a.json,weight=1,weight=2", "expected 'weight' once"),
        ("{tmp}/a.json,images={tmp}/absent", "no such folder of the images"),
    ],
)
def test_what_is_wrong_is_told(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        find_sources([text.format(tmp=tmp_path)])
