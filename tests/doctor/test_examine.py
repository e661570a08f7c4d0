import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from sapnet.cli import main

if TYPE_CHECKING:
    from tests.conftest import TinySet
    from tests.doctor.conftest import Small


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def test_a_set_in_order_is_success(
    tiny_set: "TinySet", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--images", str(tiny_set.images), "--clicks", str(tiny_set.clicks)]
    words += ["--truth", str(tiny_set.truth), "--proposals", str(tiny_set.store)]

    assert main(["doctor", *words, "--out", str(tmp_path / "out")]) == 0

    shown = capsys.readouterr().out
    assert "\n0 errors, " in shown
    report = json.loads((tmp_path / "out" / "doctor.json").read_text())
    assert report["counts"]["error"] == 0
    assert set(report["facts"]) == {
        "software", "machine", "weights", "instances", "clicks", "proposals",
    }  # fmt: skip
    with Image.open(tmp_path / "out" / "contact-sheet.png") as sheet:
        assert sheet.width == 4 * 320 + 5 * 12


def test_errors_are_failure(
    small: "Small", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for annotation in small.content["annotations"]:
        annotation["point"] = annotation["point"][::-1]
    words = ["--images", str(small.root), "--clicks", str(small.write())]

    assert main(["doctor", *words, "--out", str(tmp_path / "found.json"), "--headers-only"]) == 1

    assert "error  clicks: x and y swapped?" in capsys.readouterr().out
    report = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    outside = [f for f in report["findings"] if f["kind"] == "point outside its image"]
    assert len(outside) == 6  # x = 52.5 as y, in each image twice
    with Image.open(tmp_path / "found.png") as sheet:
        assert (np.asarray(sheet) == (255, 0, 0)).all(axis=2).sum() > 100


def test_without_data_only_the_machine_is_examined(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "what --device auto takes" in shown
    assert "clicks" not in shown


@pytest.mark.parametrize("words", [["--images", "."], ["--images", "nowhere", "--clicks", "a"]])
def test_wrong_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    assert "--images" in capsys.readouterr().err


def test_unusable_images_alone_are_left_out_on_request(
    small: "Small", capsys: pytest.CaptureFixture[str]
) -> None:
    (small.root / "2.png").write_text("no image")
    (small.root / "3.png").unlink()
    words = ["doctor", "--images", str(small.root), "--clicks", str(small.write())]
    assert main(words) == 1
    capsys.readouterr()
    assert main([*words, "--skip-errors"]) == 3
    shown = capsys.readouterr().out
    assert "2 images were left out:\n  image 2 (2.png): cannot be read as an image (" in shown
    small.content["annotations"][0]["point"] = [900, 900]
    small.write()
    assert main([*words, "--skip-errors"]) == 1


def test_clicks_and_truth_are_compared(
    tiny_set: "TinySet", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(tiny_set.truth.read_text())
    ids = [annotation["id"] for annotation in content["annotations"]]
    for annotation, number in zip(content["annotations"], ids[1:] + ids[:1], strict=True):
        annotation["id"] = number
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps(content))
    words = ["doctor", "--clicks", str(tiny_set.clicks), "--truth", str(truth)]
    assert main(words) == 0
    assert "numbered differently" in capsys.readouterr().out
    for image in content["images"]:
        image["file_name"] = f"elsewhere/{image['id']}x.png"
    truth.write_text(json.dumps(content))
    assert main(words) == 0
    assert "truth of other objects" in capsys.readouterr().out


def test_one_depth_for_the_whole_set(
    small: "Small", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for name in ("1.png", "2.png", "3.png"):
        pixels = rng.integers(0, 4096, (48, 64)).astype(np.uint16)
        Image.fromarray(pixels).save(small.root / name)
    out = tmp_path / "found.json"
    words = ["doctor", "--images", str(small.root), "--clicks", str(small.write())]
    assert main([*words, "--out", str(out)]) == 0
    findings = json.loads(out.read_text())["findings"]
    messages = {f["message"] for f in findings if f["kind"] == "16-bit image"}
    assert messages == {
        "16 bits: the values 0 to 4095 become 0 to 255, as in all images of the set."
    }
    assert not [f for f in findings if f["kind"] == "dark 16-bit image"]
    assert main([*words, "--bits", "8"]) == 1
    assert "expected values of at most 255 (8 bits)" in " ".join(capsys.readouterr().out.split())
