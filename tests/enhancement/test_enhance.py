"""From a clicks file to one with boxes, through the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from sapnet.cli import main
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.tiles.grid import Tiling
from sapnet.enhancement.enhance import with_estimates, without_estimates
from sapnet.enhancement.windows import EstimatedBox
from sapnet.geometry.rle import to_rle
from sapnet.structures.clicks import Click, ClickSet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import TinySet

SMALL = (
    "--batch_size 2 --workers 0 --device cpu --optimizer.name adamw --model.backbone test_resnet "
    "--model.weights none --model.fpn_channels 16 --model.augment.short_sides [64] "
    "--model.augment.max_long_side 128 --model.hidden_channels 32 "
    "--model.negatives.num_random 20 --model.jitter.factors [0.8,1.2]"
).split()


def command(data: TinySet, out: Path, *words: str) -> list[str]:
    files = ["--images", str(data.images), "--clicks", str(data.clicks), "--out", str(out)]
    return ["enhance", *files, *SMALL, *words]


def test_every_click_gets_a_box_that_holds_it(
    tiny_set: TinySet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load_clicks(tiny_set.clicks)
    text = tiny_set.clicks.read_bytes()
    out = tmp_path / "enhanced.json"
    assert main(command(tiny_set, out, "--epochs", "1")) == 0
    assert f"{len(before.clicks)} clicks with an estimated box: {out}" in capsys.readouterr().out
    assert (tmp_path / "enhanced_enhancer" / "enhancer.pt").is_file()
    after = load_clicks(out)
    assert tiny_set.clicks.read_bytes() == text
    assert without_estimates(after) == before
    sizes = {image.image_id: (image.width, image.height) for image in after.images}
    for click in after.clicks:
        assert click.box is not None
        assert click.box_score is not None
        assert 0 < click.box_score < 1
        (x1, y1, x2, y2), (x, y) = click.box, click.point
        width, height = sizes[click.image_id]
        assert 0 <= x1 < x < x2 <= width + 1e-4
        assert 0 <= y1 < y < y2 <= height + 1e-4


def test_a_trained_enhancer_serves_other_clicks(tiny_set: TinySet, tmp_path: Path) -> None:
    out, run = tmp_path / "first.json", tmp_path / "run"
    assert main(command(tiny_set, out, "--epochs", "1", "--run", str(run))) == 0
    again = tmp_path / "again.json"
    assert main(command(tiny_set, again, "--trained", str(run))) == 0
    assert load_clicks(again) == load_clicks(out)


def test_a_killed_run_goes_on(tiny_set: TinySet, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.json", tmp_path / "out.json"
    words = ("--epochs", "4", "--checkpoint_minutes", "0")
    assert main(command(tiny_set, whole, *words)) == 0
    checkpoint = tmp_path / "out_enhancer" / "enhancer.pt"
    process = subprocess.Popen(
        [sys.executable, "-m", "sapnet", *command(tiny_set, out, *words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not checkpoint.is_file() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.is_file()
    assert not out.is_file()
    assert main(command(tiny_set, out, *words)) == 0
    assert load_clicks(out) == load_clicks(whole)


def test_the_proposals_are_bounded_by_known_boxes_only(tiny_set: TinySet, tmp_path: Path) -> None:
    from sapnet.batches.augment import evaluation_view
    from sapnet.batches.config import AugmentConfig
    from sapnet.batches.supervision import make_bags
    from sapnet.store.reader import ProposalStore

    plain = load_clicks(tiny_set.clicks)
    far = (0.0, 0.0, 1.0, 1.0)
    known, estimated, *rest = plain.clicks
    boxed = (replace(known, box=far), replace(estimated, box=far, box_score=0.5), *rest)
    clicks, store = tmp_path / "clicks.json", tmp_path / "store"
    save_clicks(clicks, replace(plain, clicks=boxed))
    words = ["--images", str(tiny_set.images), "--clicks", str(clicks), "--out", str(store)]
    words += ["--proposer", "simulated", "--file", str(tiny_set.parts), "--workers", "1"]
    assert main(["propose", *words]) == 0
    opened = ProposalStore(store)
    assert (opened.count_given().boxes, opened.count_given().estimates) == (1, 1)
    found = [opened.find(click.annotation_id) for click in (known, estimated)]
    assert [entry.click.box_score for entry in found] == [None, 0.5]
    assert [entry.click.box for entry in found] == [far, far]
    view = evaluation_view((96, 96), AugmentConfig(short_sides=(64,), max_long_side=64))
    bags = make_bags(found, [0, 0], view)
    assert (bags.box_iou[0][bags.valid[0]] < 0.1).all()
    assert (bags.box_iou[1] == 1).all()


def deep_copy(data: TinySet, folder: Path, factor: int) -> Path:
    """The images as gray of 16 bits, their levels times a factor."""
    folder.mkdir()
    for image in load_clicks(data.clicks).images:
        gray = np.asarray(Image.open(data.images / image.file_name).convert("L"), np.uint16)
        Image.fromarray(gray * factor).save(folder / image.file_name)
    return folder


def test_the_bit_depth_is_found_kept_and_given(
    tiny_set: TinySet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    run, files = tmp_path / "run", ["--clicks", str(tiny_set.clicks), *SMALL]
    bright, dark = deep_copy(tiny_set, tmp_path / "a", 16), deep_copy(tiny_set, tmp_path / "b", 4)

    def enhanced(images: Path, *words: str) -> ClickSet:
        out = tmp_path / "out.json"
        out.unlink(missing_ok=True)
        assert main(["enhance", "--images", str(images), *files, "--out", str(out), *words]) == 0
        return load_clicks(out)

    first = enhanced(bright, "--epochs", "1", "--run", str(run))
    assert "read as 12 bits, which hold the largest value" in caplog.text
    assert json.loads((run / "enhancer.json").read_text())["model"]["augment"]["bits"] == 12
    assert enhanced(bright, "--trained", str(run)) == first
    # Images of 10 bits count as 12 in this network, unless told otherwise.
    as_before = enhanced(dark, "--trained", str(run))
    assert enhanced(dark, "--trained", str(run), "--bits", "12") == as_before
    assert enhanced(dark, "--trained", str(run), "--bits", "10") != as_before


def test_large_images_are_read_on_request(
    tiny_set: TinySet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command(tiny_set, tmp_path / "out.json", "--epochs", "1")
    assert main([*words, "--max-pixels", "100"]) == 1
    assert "raise the limit with --max-pixels" in capsys.readouterr().err
    assert main([*words, "--max-pixels", "0"]) == 2
    assert "max_pixels: expected at least 1, found 0" in capsys.readouterr().err


def test_large_images_are_read_in_windows(
    tiny_set: TinySet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = load_clicks(tiny_set.clicks)  # images of 96 x 96 px
    run, out, again = tmp_path / "run", tmp_path / "out.json", tmp_path / "again.json"
    windows = ("--tile", "64", "--overlap", "32")
    assert main(command(tiny_set, out, "--epochs", "1", "--run", str(run), *windows)) == 0
    assert "8 images become 32 windows of at most 64 px, which share 32 px" in caplog.text
    augment = json.loads((run / "enhancer.json").read_text())["model"]["augment"]
    assert (augment["tile"], augment["overlap"]) == (64, 32)
    after = load_clicks(out)
    assert without_estimates(after) == before
    tiling, sides = Tiling(64, 32), set()
    for click in after.clicks:
        assert click.box is not None
        (x1, y1, x2, y2), (x, y) = click.box, click.point
        home = tiling.windows(96, 96)[tiling.home(click.point, 96, 96)]
        assert home.x <= x1 < x < x2 <= home.x + 64 + 1e-4
        assert home.y <= y1 < y < y2 <= home.y + 64 + 1e-4
        sides.add((home.x, home.y))
    assert len(sides) == 4
    # Other clicks are seen in the windows of the training, unless told otherwise.
    assert main(command(tiny_set, again, "--trained", str(run))) == 0
    assert load_clicks(again) == after
    whole = command(tiny_set, tmp_path / "whole.json", "--trained", str(run), "--tile", "0")
    assert main(whole) == 0
    assert load_clicks(tmp_path / "whole.json") != after


def a_click(annotation_id: int, **more: object) -> Click:
    return Click(annotation_id, 1, 1, ((5.0, 5.0),), **more)  # type: ignore[arg-type]


def test_known_boxes_and_masks_stay_and_estimates_are_replaced() -> None:
    mask = to_rle([[0, 0, 4, 0, 4, 4, 0, 4]], 10, 10)
    old = (0.0, 0.0, 9.0, 9.0)
    clicks = (
        a_click(1),
        a_click(2, box=old),
        a_click(3, mask=mask),
        a_click(4, box=old, box_score=0.1),
        a_click(5, box=old, box_score=0.1),
    )
    new = EstimatedBox((1.0, 1.0, 8.0, 8.0), 0.7)
    found = with_estimates(ClickSet((), (), clicks), dict.fromkeys((1, 2, 3, 4), new)).clicks
    assert found == (
        a_click(1, box=new.box, box_score=0.7),
        a_click(2, box=old),
        a_click(3, mask=mask),
        a_click(4, box=new.box, box_score=0.7),
        a_click(5),
    )


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--out", "CLICKS"], 2, "expected another file than those that are read"),
        (["--run", "a", "--trained", "b"], 2, "found both"),
        (["--trained", "nowhere"], 1, "expected a trained enhancer"),
        (["--tile", "8"], 2, "tile: expected 64 px or more, found 8"),
        (["--epochs", "0"], 2, "epochs: expected at least 1"),
        (["--model.top_k", "0"], 2, "top_k: expected at least 1"),
        (["--model.alpha", "2"], 2, r"alpha: expected a number in [0, 1]"),
        (["--images", "nowhere"], 1, "of the listed images are missing"),
    ],
)
def test_bad_input_is_one_line(
    tiny_set: TinySet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    message: str,
) -> None:
    named = [word.replace("CLICKS", str(tiny_set.clicks)) for word in words]
    assert main(command(tiny_set, tmp_path / "out.json", *named)) == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_clicks_of_other_categories_need_their_own_enhancer(
    tiny_set: TinySet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(command(tiny_set, tmp_path / "a.json", "--epochs", "1", "--run", str(run))) == 0
    content = json.loads(tiny_set.clicks.read_text())
    content["categories"].append({"id": 999, "name": "new"})
    other = tmp_path / "other.json"
    other.write_text(json.dumps(content))
    words = ["--clicks", str(other), "--trained", str(run)]
    assert main(command(tiny_set, tmp_path / "b.json", *words)) == 1
    assert "expected clicks of the categories that the enhancer was trained on" in (
        capsys.readouterr().err
    )
