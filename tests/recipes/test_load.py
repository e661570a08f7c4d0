"""Recipes build on each other; each of `sapnet/recipes/` starts, trains two steps and evaluates."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sapnet.cli import main
from sapnet.recipes.load import find_recipe, load_recipe, recipe_names, with_method
from sapnet.selection.config import paper_selection

if TYPE_CHECKING:
    from tests.conftest import TinySet

CONFIGS = Path(__file__).resolve().parents[2] / "sapnet" / "recipes"
ENHANCERS = CONFIGS / "enhancer"
PARTS = (CONFIGS / "paper.yaml", CONFIGS / "defaults.yaml")
"""Recipes that say nothing of a training."""

RECIPES = sorted(p for p in CONFIGS.rglob("*.yaml") if p.parent != ENHANCERS and p not in PARTS)
SMALL = (
    "--epochs 1 --log_every 1 --batch_size 4 --devices 1 --workers 0 --device cpu "
    "--model.backbone test_resnet --model.weights none --model.fpn_channels 16 "
    "--model.augment.short_sides [64] "
    "--model.augment.max_long_side 128 --model.selection.hidden_channels 32 "
    "--model.selection.negatives.num_random 20 --model.segmentation.num_grids [8,6,4,3,2] "
    "--model.segmentation.scale_ranges [[1,12],[6,24],[12,48],[24,96],[48,256]] "
    "--model.segmentation.stacked_convs 1 --model.segmentation.channels 16 "
    "--model.segmentation.mask_branch_channels 16 --model.segmentation.mask_feature_channels 16 "
    "--model.segmentation.norm_groups 8"
).split()
"""What makes a recipe small enough for a test; what the recipes are about stays as it is."""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def settings(recipe: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What `train` would run with."""
    command = ["train", "--config", str(recipe), "--images", "i", "--out", "o", *words]
    assert main([*command, "--print_config"]) == 0
    shown: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    return shown


def test_a_recipe_changes_what_it_names(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "epochs: 3\nmodel: {backbone: x, augment: {short_sides: [1, 2]}}")
    (tmp_path / "sub").mkdir()
    child = write(
        tmp_path / "sub" / "b.yaml", "base: ../a.yaml\nmodel: {augment: {short_sides: [5]}}"
    )
    assert load_recipe(child) == {
        "epochs": 3,
        "model": {"backbone": "x", "augment": {"short_sides": [5]}},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: absent.yaml", r"absent.yaml \(base of .*b.yaml\): expected a recipe"),
        ("base: b.yaml", "cannot build on itself: .*b.yaml -> .*b.yaml"),
        ("- 1", "expected settings by name, found list"),
        ("a: [", "expected YAML"),
    ],
)
def test_a_broken_recipe_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        load_recipe(write(tmp_path / "b.yaml", text))


def test_recipes_are_named_by_their_path() -> None:
    names = recipe_names()
    assert {"paper", "coco_r50_1x", "enhancer/small_images_cpu"} < set(names)
    assert "ablations/table5/0.5_0.3" in names
    assert find_recipe("ablations/table5/0.5_0.3").is_file()
    assert load_recipe("ablations/table5/0.5_0.3")["epochs"] == 12
    assert len(names) == len(list(CONFIGS.rglob("*.yaml")))


def test_no_folder_of_recipes_is_too_full() -> None:
    folders = {path.parent for path in CONFIGS.rglob("*.yaml")}
    assert max(len(list(folder.iterdir())) for folder in folders) <= 14


def test_a_base_may_be_a_name(tmp_path: Path) -> None:
    child = write(tmp_path / "b.yaml", "base: coco_r50_1x\nepochs: 3")
    assert load_recipe(child) == {**load_recipe("coco_r50_1x"), "epochs": 3}


def test_the_recipe_of_the_paper_is_its_selection() -> None:
    selection = load_recipe("paper")["model"]["selection"]
    assert selection == json.loads(json.dumps(asdict(paper_selection())))


def test_a_method_lies_below_the_other_settings() -> None:
    settings = with_method({"method": "paper", "model": {"selection": {"top_k": 2}}, "epochs": 3})
    selection = load_recipe("paper")["model"]["selection"]
    assert settings == {"model": {"selection": {**selection, "top_k": 2}}, "epochs": 3}
    ours = with_method({"method": "paper", "epochs": 3}, "sapnet+")
    assert ours == with_method({"epochs": 3}) == {"epochs": 3}
    with pytest.raises(ValueError, match=r"expected one of sapnet\+, paper, found 'other'"):
        with_method({"method": "other"})


def test_a_missing_recipe_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--config", "absent.yaml", "--images", "i", "--out", "o"]
    assert main(words) == 2
    assert "absent.yaml: expected a recipe's file or name, found neither" in capsys.readouterr().err


def test_the_method_of_a_base_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.yaml", "method: paper")
    child = write(tmp_path / "b.yaml", "base: a.yaml\nepochs: 2")
    shown = settings(child, capsys)
    assert (shown["method"], shown["epochs"]) == ("paper", 2)
    assert shown["model"]["selection"]["mask_crops"] is False


def test_flags_win_over_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write(tmp_path / "a.yaml", "method: paper\nepochs: 2")
    shown = settings(recipe, capsys, "--epochs", "5", "--method", "sapnet+")
    assert shown["epochs"] == 5
    assert shown["model"]["selection"]["mask_crops"] is True


def switches(recipe: str, capsys: pytest.CaptureFixture[str]) -> dict[str, bool]:
    selection = settings(CONFIGS / recipe, capsys)["model"]["selection"]
    parts = ("guidance", "positives", "negatives", "mining", "multi_mask")
    return {
        "refinement": selection["refinement"],
        **{part: selection[part]["enabled"] for part in parts},
    }


def test_each_row_of_table_4_adds_its_part(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        *(f"ablations/table4/{row}.yaml" for row in ("1_mil", "2_pdg", "3_prm", "4_pnpg", "5_bms")),
        "coco_r50_1x.yaml",
    ]
    found = [switches(row, capsys) for row in rows]
    added = [
        {part for part in later if later[part] and not earlier[part]}
        for earlier, later in pairwise(found)
    ]
    assert not any(found[0].values())
    assert added == [
        {"guidance"}, {"refinement"}, {"positives", "negatives"}, {"mining"}, {"multi_mask"}
    ]  # fmt: skip
    assert all(found[-1].values())


def test_the_recipe_of_the_paper_says_what_the_paper_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = settings(CONFIGS / "coco_r50_1x.yaml", capsys)
    assert (shown["epochs"], shown["batch_size"]) == (12, 32)
    assert (shown["optimizer"]["lr"], shown["optimizer"]["steps"]) == (0.015, [8, 10])
    selection = shown["model"]["selection"]
    assert selection["guidance"]["exponent"] == 0.015
    assert (selection["mining"]["close_iou"], selection["mining"]["containment_iou"]) == (0.6, 0.3)
    negatives = selection["negatives"]
    assert (negatives["background_iou"], negatives["part_iou"]) == (0.3, 0.5)
    segmentation = shown["model"]["segmentation"]
    assert segmentation["num_grids"] == [40, 36, 24, 16, 12]
    assert segmentation["scale_ranges"][-1] == [384, 2048]
    longer = settings(CONFIGS / "coco_r101_3x.yaml", capsys)
    assert longer["model"]["augment"]["short_sides"] == [640, 672, 704, 736, 768, 800]
    assert longer["model"]["selection"]["multi_mask"]["enabled"] is False


def test_recipes_of_the_papers_systems_pin_what_the_release_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for recipe in RECIPES:
        shown = settings(recipe, capsys)
        if shown["method"] == "paper" and recipe.stem != "paper":
            assert shown["precision"] == "32", recipe
            assert shown["keep_empty"] is False, recipe
            assert shown["model"]["segmentation"]["num_grids"] == [40, 36, 24, 16, 12], recipe


def test_recipes_of_voc(capsys: pytest.CaptureFixture[str]) -> None:
    found = {}
    for name in ("voc2012sbd_r50", "voc2012sbd_r101", "voc2012sbd_r101_3x"):
        shown = settings(CONFIGS / f"{name}.yaml", capsys)
        optimizer = shown["optimizer"]
        rate = optimizer["lr"] * shown["batch_size"] / optimizer["lr_batch"]
        assert (shown["batch_size"], shown["devices"], rate) == (16, 4, 0.0075)
        found[name] = (shown["model"]["backbone"], shown["epochs"], optimizer["steps"])
        is_long = shown["epochs"] == 36
        assert shown["model"]["selection"]["multi_mask"]["enabled"] is not is_long
    assert found == {
        "voc2012sbd_r50": ("resnet50.tv_in1k", 12, [8, 10]),
        "voc2012sbd_r101": ("resnet101.tv_in1k", 12, [8, 10]),
        "voc2012sbd_r101_3x": ("resnet101.tv_in1k", 36, [24, 30]),
    }


def test_recipes_of_table_7_are_those_of_table_4_without_a_segmenter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pairs = (("table7/mil", "ablations/table4/1_mil"), ("table7/sapnet", "coco_r50_1x"))
    for alone, trained in pairs:
        own = settings(CONFIGS / "ablations" / f"{alone}.yaml", capsys)["model"]
        other = settings(CONFIGS / f"{trained}.yaml", capsys)["model"]
        assert (own.pop("segmenter"), other.pop("segmenter")) == (False, True)
        assert own == other


def _has_segmenter(recipe: Path) -> bool:
    return load_recipe(recipe).get("model", {}).get("segmenter", True)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_each_recipe_trains_and_evaluates(
    recipe: Path, tiny_set: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQDM_MININTERVAL", "10")
    run, results = tmp_path / "run", tmp_path / "predictions"
    source = ["--proposals", str(tiny_set.store)]
    if load_recipe(recipe).get("supervision") == "masks":
        source = ["--masks", str(tiny_set.truth)]
    words = ["train", "--config", str(recipe), "--images", str(tiny_set.images), *source]
    assert main([*words, "--out", str(run), *SMALL]) == 0
    with (run / "logs" / "version_0" / "metrics.csv").open(newline="") as log:
        assert {row["step"] for row in csv.DictReader(log)} == {"0", "1"}
    figures = tmp_path / "metrics.json"
    if not _has_segmenter(recipe):
        labels = tmp_path / "labels.json"
        words = ["label", "--run", str(run), *source, "--images", str(tiny_set.images)]
        assert main([*words, "--device", "cpu", "--out", str(labels)]) == 0
        words, figure = ["evaluate", "--labels", str(labels)], "label_miou"
    else:
        words = ["predict", "--run", str(run), "--images", str(tiny_set.images), "--device", "cpu"]
        assert main([*words, "--out", str(results), "--no-pictures"]) == 0
        words, figure = ["evaluate", "--predictions", str(results / "results.json")], "mask_ap"
    assert main([*words, "--truth", str(tiny_set.truth), "--out", str(figures)]) == 0
    assert 0 <= json.loads(figures.read_text())[figure] <= 1
