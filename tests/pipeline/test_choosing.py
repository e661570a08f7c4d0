"""What is left open follows data and machine; what is given stays."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from sapnet.cli import main
from sapnet.pipeline import choosing
from sapnet.pipeline.choosing import choose
from sapnet.pipeline.config import PipelineConfig, PipelineInputs
from sapnet.pipeline.plan import make_plan
from sapnet.pipeline.run import run_pipeline

if TYPE_CHECKING:
    from tests.conftest import TinySet

pytestmark = pytest.mark.usefixtures("hub_cache")


def write_clicks(path: Path, num_images: int) -> Path:
    images = [
        {"id": i + 1, "file_name": f"{i}.jpg", "width": 64, "height": 64} for i in range(num_images)
    ]
    clicks = [
        {"id": i + 1, "image_id": i + 1, "category_id": 1, "point": [5.5, 6.5]}
        for i in range(num_images)
    ]
    content: dict[str, Any] = {"images": images, "annotations": clicks}
    path.write_text(json.dumps({**content, "categories": [{"id": 1, "name": "car"}]}))
    return path


@pytest.fixture
def inputs(tmp_path: Path, tiny_set: TinySet) -> PipelineInputs:
    """61 clicked images; the folder of others to predict exists."""
    clicks = write_clicks(tmp_path / "clicks.json", 61)
    return PipelineInputs(tiny_set.images, clicks, tmp_path / "run", val_images=tiny_set.images)


def test_the_effort_decides_on_the_length(inputs: PipelineInputs) -> None:
    cpu = PipelineConfig(device="cpu")
    fast, balanced, best = (
        choose(inputs, replace(cpu, effort=effort)).cfg for effort in ("fast", "balanced", "best")
    )  # type: ignore[arg-type]
    assert [cfg.recipe for cfg in (fast, balanced, best)] == ["small_images_cpu"] * 3
    # 16 steps a pass: 19, 38 and 94 passes make 300, 600 and 1,500 steps at least.
    assert [cfg.epochs for cfg in (fast, balanced, best)] == [19, 38, 94]
    assert (fast.short_sides, fast.max_objects, fast.proposer) == ((160, 192), 16, "click")
    assert (balanced.short_sides, balanced.max_objects) == (None, None)
    plan = make_plan(inputs, fast, ())
    assert plan.model.augment.short_sides == (160, 192)
    assert plan.model.augment.max_long_side == 320  # 480 of 288, as in the recipe
    assert (plan.training.epochs, plan.training.max_objects) == (19, 16)
    assert plan.training.optimizer.name == "adamw"


def crowd(inputs: PipelineInputs, step: int, side: int = 256) -> None:
    """Click a grid of objects that touch, on images of `side` px."""
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": side, "height": side} for i in range(1, 62)
    ]
    points = [(x + 0.5, y + 0.5) for x in range(0, side, step) for y in range(0, side, step)]
    clicks = [
        {"id": 1000 * i["id"] + n, "image_id": i["id"], "category_id": 1, "point": point}
        for i in images
        for n, point in enumerate(points)
    ]
    content: dict[str, Any] = {"images": images, "annotations": clicks}
    inputs.clicks.write_text(json.dumps({**content, "categories": [{"id": 1, "name": "cell"}]}))


@pytest.mark.parametrize(
    ("step", "side", "sides"),
    [
        (20, 256, None),  # 20 px of 256 would be 14 px at 176: the sizes of the recipe
        (64, 256, (160, 192)),  # 44 px at 176
        (64, 800, None),  # 14 px at 176, by larger images
    ],
)
def test_small_objects_are_not_shrunk(
    inputs: PipelineInputs, step: int, side: int, sides: tuple[int, ...] | None
) -> None:
    crowd(inputs, step, side)
    choice = choose(inputs, PipelineConfig(device="cpu", effort="fast"))
    assert choice.cfg.short_sides == sides
    words = "short sides of 160 to 192 px" if sides else "short sides of 224 to 288 px"
    assert words in "\n".join(choice.reasons)
    given = PipelineConfig(device="cpu", effort="fast", short_sides=(128,))
    assert choose(inputs, given).cfg.short_sides == (128,)


def test_crowded_images_are_expected_to_take_longer(inputs: PipelineInputs) -> None:
    given = PipelineConfig(device="cpu", effort="fast", short_sides=(256,), max_objects=1000)
    expected = []
    for step in (128, 64, 32):  # 4, 16 and 64 objects an image
        crowd(inputs, step)
        expected.append(choose(inputs, given).seconds)
    few, more, many = (seconds["train"] for seconds in expected)
    assert (many - more) / (more - few) == pytest.approx(48 / 12)
    assert expected[2]["label"] > expected[0]["label"]
    assert choose(inputs, replace(given, max_objects=16)).seconds["train"] == pytest.approx(
        more, rel=0.05  # labels of all objects are chosen once
    )  # fmt: skip


def test_the_size_of_objects_is_said(inputs: PipelineInputs) -> None:
    crowd(inputs, 20)
    text = "\n".join(choose(inputs, PipelineConfig(device="cpu", effort="fast")).reasons)
    assert "objects: by the clicks, a side of 8 % of the image's short side or less, 20 px" in text


def test_a_file_without_clicks_is_refused_before_any_work(inputs: PipelineInputs) -> None:
    write_clicks(inputs.clicks, 0)
    with pytest.raises(ValueError, match=r"clicks.json: expected clicks, found none on 0 images"):
        run_pipeline(inputs, PipelineConfig(device="cpu"))
    assert not (inputs.out / "run.json").exists()


def test_many_images_are_all_seen(inputs: PipelineInputs) -> None:
    write_clicks(inputs.clicks, 4000)
    cfg = PipelineConfig(device="cpu", effort="fast")
    assert choose(inputs, cfg).cfg.epochs == 1
    assert choose(inputs, replace(cfg, effort="balanced")).cfg.epochs == 6


def test_a_gpu_gets_the_large_network(
    inputs: PipelineInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "choose_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(choosing, "describe_device", str)
    cfg = PipelineConfig()
    assert choose(inputs, cfg).cfg.recipe == "defaults"
    assert choose(inputs, replace(cfg, effort="fast")).cfg.recipe == "small_images_cpu"


def test_what_is_given_stays(inputs: PipelineInputs) -> None:
    given = PipelineConfig(
        effort="fast", proposer="regions", recipe="defaults", epochs=3, batch_size=2,
        short_sides=(96,), max_objects=5, device="cpu", workers=1, tile=0, bands=(),
    )  # fmt: skip
    assert choose(inputs, given).cfg == given
    assert choose(inputs, replace(given, max_objects=None)).cfg.max_objects is None
    with pytest.raises(ValueError, match="epochs: expected at least 1, found 0"):
        PipelineConfig(epochs=0)
    with pytest.raises(ValueError, match="short_sides: expected one size or more"):
        PipelineConfig(short_sides=())


def test_images_without_clicks_are_held_out(tiny_set: TinySet, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(tiny_set.images, images)
    content = json.loads(tiny_set.clicks.read_text())
    removed = [image for image in content["images"] if image["id"] % 2]
    ids = {image["id"] for image in removed}
    content["images"] = [image for image in content["images"] if image["id"] not in ids]
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] not in ids]
    clicks = tmp_path / "clicks.json"
    clicks.write_text(json.dumps(content))
    inputs = PipelineInputs(images, clicks, tmp_path / "run")
    choice = choose(inputs, PipelineConfig(device="cpu"))
    assert sorted(path.name for path in choice.held_out) == sorted(i["file_name"] for i in removed)
    assert len(choose(inputs, PipelineConfig(device="cpu", max_predicted=2)).held_out) == 2
    assert choose(inputs, PipelineConfig(device="cpu", max_predicted=0)).held_out == ()


def test_the_settings_are_said_and_printed(
    inputs: PipelineInputs, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    choice = choose(inputs, PipelineConfig(device="cpu", effort="fast"))
    text = "\n".join(choice.reasons)
    assert "61 clicks on 61 images; 1 categories: car" in text
    assert "short sides of 160 to 192 px, 19 passes of 16 steps of 4 images" in text
    words = ["run", str(inputs.images), "--clicks", str(inputs.clicks), "--out", str(inputs.out)]
    assert main([*words, "--effort", "fast", "--device", "cpu", "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert "epochs: 19" in printed
    assert not inputs.out.exists()
    recipe = tmp_path / "printed.yaml"
    recipe.write_text(printed)
    assert main([*words, "--config", str(recipe), "--print-config"]) == 0
    assert capsys.readouterr().out == printed
