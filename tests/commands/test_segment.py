from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.cli import main


@pytest.fixture
def scene(tmp_path: Path, hub_cache: Path) -> Path:
    """A photograph-like scene, 96 x 160 px: a red ball and a blue box on grass."""
    del hub_cache
    rng = np.random.default_rng(0)
    pixels = np.stack([rng.normal(mean, 9, (96, 160)) for mean in (90, 130, 70)], axis=2)
    y, x = np.mgrid[:96, :160]
    ball = (x - 40) ** 2 + (y - 48) ** 2 < 20**2
    box = (abs(x - 115) < 22) & (abs(y - 50) < 16)
    pixels[ball] += (110, -80, -40)
    pixels[box] += (-50, -60, 120)
    path = tmp_path / "scene.png"
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


def test_clicks_become_files(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["segment", str(scene), "--out", str(out)]
    assert main([*words, "--points", "40,48-115,50,ball", "--boxes", "93,34,137,66,box"]) == 0
    assert f"2 masks: {out / 'masks.json'}" in capsys.readouterr().out
    content = json.loads((out / "masks.json").read_text())
    assert content["info"]["proposer"] == "click"
    assert content["info"]["settings"]["num_proposals"] == 8
    assert [c["name"] for c in content["categories"]] == ["ball", "box"]
    y, x = np.mgrid[:96, :160]
    truths = ((x - 40) ** 2 + (y - 48) ** 2 < 20**2, (abs(x - 115) < 22) & (abs(y - 50) < 16))
    for name, truth in zip(("001_ball", "002_box"), truths, strict=True):
        mask = np.asarray(Image.open(out / "masks" / f"{name}.png")) > 0
        assert (mask & truth).sum() / (mask | truth).sum() > 0.5
    assert Image.open(out / "overlay.png").size == (160, 96)
    assert main([*words, "--points", "40,48"]) == 1
    assert "--overwrite" in capsys.readouterr().err
    regions = [*words, "--points", "40,48", "--overwrite", "--proposer", "regions"]
    assert main([*regions, "--format", "coco-polygons"]) == 0
    assert (out / "masks-coco-polygons.json").is_file()
    assert [path.name for path in (out / "masks").iterdir()] == ["001_object.png"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "expected an object, found none: give --points x,y or --boxes"),
        (["--points", "40"], 2, "--points: expected x,y[+x,y ...]"),
        (["--boxes", "1,2,3"], 2, "--boxes: expected x1,y1,x2,y2[,class]"),
        (["--points", "160,48"], 1, "points[0]: x = 160, but the image is 160 px wide"),
        (["--points", "1,2-3,96"], 1, "negative_points[0]: y = 96, but the image is 96 px high"),
        (["--points", "1,2@5,5,9,9"], 1, "boxes[0]: expected a box x1, y1, x2, y2 round"),
        (["--points", "1,2", "--checkpoint", "a/no-sam"], 1, "auto fetches nothing"),
        (["--points", "1,2", "--proposer", "click", "--checkpoint", "a.st"], 1, "no such file"),
    ],
)
def test_mistakes_are_one_line(
    scene: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    message: str,
) -> None:
    assert main(["segment", str(scene), "--out", str(tmp_path / "out"), *words]) == status
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error
    assert not (tmp_path / "out").exists()


def test_unreadable_images(
    tmp_path: Path, hub_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del hub_cache
    (tmp_path / "text.jpg").write_text("no image")
    for name in ("text.jpg", "absent.jpg"):
        words = ["segment", str(tmp_path / name), "--points", "1,2", "--out", str(tmp_path / "out")]
        assert main(words) == 1
        assert name in capsys.readouterr().err


def test_deep_and_large_images(
    tmp_path: Path, hub_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The picture shows what the proposer saw."""
    del hub_cache
    values = np.full((40, 60), 1000, np.uint16)
    values[10:30, 20:40] = 4000
    Image.fromarray(values).save(tmp_path / "deep.png")
    words = ["segment", str(tmp_path / "deep.png"), "--points", "30,20", "--proposer", "regions"]
    out = tmp_path / "out"
    for bits, level in ((None, 62), (14, 16)):
        extra = [] if bits is None else ["--bits", str(bits)]
        assert main([*words, *extra, "--out", str(out), "--overwrite"]) == 0
        picture = np.asarray(Image.open(out / "overlay.png").convert("L"))
        assert abs(int(picture[38, 2]) - level) < 6
    assert main([*words, "--out", str(tmp_path / "large"), "--max-pixels", "2000"]) == 1
    assert "deep.png: too large" in capsys.readouterr().err
    assert main([*words, "--out", str(tmp_path / "large"), "--max-pixels", "0"]) == 2
    assert not (tmp_path / "large").exists()
