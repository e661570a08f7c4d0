"""`sapnet train-proposer`: weights from photographs, and fine-tuned weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.cli import main
from sapnet.data.corrections import save_corrections
from sapnet.geometry.rle import encode_masks
from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.weights import load_weights, save_weights, weights_metadata
from sapnet.structures.clicks import Category, Click, ImageRecord
from sapnet.structures.corrections import Correction, Corrections


@pytest.fixture
def start(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    return save_weights(
        tmp_path / "start.safetensors", ClickNetwork(build_encoder(), Decoder()), {}
    )


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    """Two photographs with three corrected squares each, as review writes them."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    images = tuple(ImageRecord(number, f"{number}.png", 96, 64) for number in (1, 2))
    fixed = {}
    for image in images:
        pixels = rng.integers(90, 110, (64, 96, 3), np.uint8)
        for place in range(3):
            mask = np.zeros((1, 64, 96), np.uint8)
            mask[0, 20:44, 4 + 30 * place : 28 + 30 * place] = 1
            pixels[mask[0] > 0] = 250
            number = 10 * image.image_id + place
            click = Click(
                number, image.image_id, 1, ((16.5 + 30 * place, 32.5),), mask=encode_masks(mask)[0]
            )
            fixed[number] = Correction(click, "picked")
        Image.fromarray(pixels).save(folder / image.file_name)
    return save_corrections(
        tmp_path / "corrections.json", Corrections(images, (Category(1, "square"),), fixed)
    )


def test_corrections_are_learned_from_and_the_same_command_ends_at_once(
    corrections: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.safetensors"
    words = ["train-proposer", "--data", str(corrections), "--images", str(tmp_path / "photos")]
    words += ["--from", str(start), "--out", str(out), "--steps", "2", "--device", "cpu"]
    assert main([*words, "--licence", "mine"]) == 0
    told = capsys.readouterr().out
    assert "learned from 5 objects of 2 images, 2 steps" in told
    assert "on 1 objects kept aside: favourite" in told
    about = weights_metadata(out)
    assert about["licence"] == "mine"
    kept = json.loads(about["kept_aside"])
    assert kept["after"]["favourite"] >= kept["before"]["favourite"]
    before = load_weights(out).state_dict()
    assert main([*words, "--licence", "mine"]) == 0
    assert weights_metadata(out) == about
    for name, value in load_weights(out).state_dict().items():
        assert torch.equal(value, before[name]), name
    run = tmp_path / "mine-training"
    assert (run / "state.pt").is_file()
    assert not (run / "cache").exists()
    assert main([*words, "--seed", "1"]) == 1
    assert "seed is 0 there and 1 now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--data", "absent"], 1, "absent: no such folder or file"),
        (["--data", "{corrections}", "--from", "absent"], 1, "absent: no such file of weights"),
        (["--data", "{corrections}", "--from", "{start}"], 1, "2 of its images are not in"),
        (["--data", "{corrections}", "--minutes", "-1"], 2, "minutes: expected a number > 0"),
        ([], 2, "data"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(
    words: list[str],
    status: int,
    message: str,
    corrections: Path,
    start: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [word.format(corrections=corrections, start=start) for word in words]
    assert main(["train-proposer", "--out", str(tmp_path / "o.safetensors"), *given]) == status
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
