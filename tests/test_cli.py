from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml

from sapnet.batches.dataset import ClickDataset, Sample
from sapnet.cli import COMMANDS, main
from sapnet.selection.config import SelectionConfig, paper_selection

if TYPE_CHECKING:
    from tests.conftest import TinySet

TINY_RECIPE = """
epochs: 1
batch_size: 4
workers: 0
device: cpu
optimizer: {name: adamw, lr: 0.001, lr_batch: 4}
model:
  backbone: test_resnet
  weights: none
  fpn_channels: 16
  augment: {short_sides: [64], max_long_side: 128}
  selection: {hidden_channels: 32, negatives: {num_random: 20}}
  segmentation:
    num_grids: [8, 6, 4, 3, 2]
    scale_ranges: [[1, 12], [6, 24], [12, 48], [24, 96], [48, 256]]
    stacked_convs: 1
    channels: 16
    mask_branch_channels: 16
    mask_feature_channels: 16
    norm_groups: 8
    predict: {score_threshold: 0.001, filter_threshold: 0.0}
"""

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def quiet_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command sets for its process is undone."""
    monkeypatch.setenv("TQDM_MININTERVAL", "0.1")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(TINY_RECIPE)
    return path


def _settings(output: Output, *words: str) -> dict[str, Any]:
    """What `train` would run with; the defaults are those of a machine with a GPU."""
    recipe = ["--config", "defaults"]
    assert main(["train", "--images", "i", "--out", "o", *recipe, *words, "--print-config"]) == 0
    settings: dict[str, Any] = yaml.safe_load(output.readouterr().out)
    return settings


# --- exit statuses ------------------------------------------------------------------------------


def test_help_and_version(capsys: Output) -> None:
    assert main(["--help"]) == 0
    assert "sapnet COMMAND --help" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("sapnet ")


def test_no_command_is_wrong_use(capsys: Output) -> None:
    assert main([]) == 2
    assert "usage: sapnet COMMAND" in capsys.readouterr().out


def test_unknown_command_names_the_known(capsys: Output) -> None:
    assert main(["tarin"]) == 2
    assert f"no command 'tarin'; expected one of {', '.join(COMMANDS)}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["points", "--out", "clicks.json"],
        ["points", "--truth", "a", "--out", "b", "--mode", "somewhere"],
        ["points", "--truth", "a", "--out", "b", "--unknown", "1"],
        ["propose", "--images", "a"],
        ["train", "--images", "a"],
        ["train", "--images", "a", "--out", "b"],
        ["train", "--images", "a", "--out", "b", "--supervision", "masks"],
        ["train", "--images", "a", "--out", "b", "--proposals", "c", "--val.images", "d"],
        ["train", "--images", "a", "--out", "b", "--proposals", "c", "--epochs", "0"],
        ["train", "--images", "a", "--out", "b", "--proposals", "c", "--model.fpn_channels", "0"],
        ["train", "--images", "a", "--out", "b", "--proposals", "c", "--optimizer.lr", "-1"],
        ["train", "--images", "a", "--out", "b", "--config", "missing.yaml"],
        ["evaluate", "--truth", "a"],
        ["synthetic", "--out", "a", "--num_classes", "1"],
    ],
)
def test_wrong_use_is_2(
    words: list[str], capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert "error" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["points", "--truth", "missing.json", "--out", "clicks.json"],
        ["train", "--images", "a", "--out", "b", "--proposals", "missing", "--config", "defaults"],
        ["predict", "--run", "/missing", "--images", "a", "--out", "b"],
        ["evaluate", "--truth", "missing.json", "--predictions", "missing.json"],
        ["review", "--images", "a", "--proposals", "b", "--labels", "missing.json"],
    ],
)
def test_failure_is_1_with_one_line(
    words: list[str], capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"sapnet {words[0]}: error: ")
    assert "missing" in error
    assert "Traceback" not in error


def test_propose_says_what_came_with_the_clicks(
    tiny_set: TinySet, tmp_path: Path, capsys: Output
) -> None:
    content = json.loads(tiny_set.clicks.read_text())
    first, second, third, *_ = content["annotations"]
    first["segmentation"] = [[0, 0, 20, 0, 20, 20, 0, 20]]
    second["bbox"] = third["bbox"] = [0, 0, 90, 90]
    clicks = tmp_path / "clicks.json"
    clicks.write_text(json.dumps(content))
    words = ["propose", "--images", str(tiny_set.images), "--clicks", str(clicks), "--workers", "1"]
    words += ["--proposer", "simulated", "--file", str(tiny_set.parts)]
    assert main([*words, "--out", str(tmp_path / "store")]) == 0
    assert (
        "1 object came with a mask, which stays its label; "
        "2 objects came with a box, which bounds its selection"
    ) in capsys.readouterr().out


def test_skipped_on_request_is_3(tiny_set: TinySet, tmp_path: Path, capsys: Output) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for path in tiny_set.images.iterdir():
        (images / path.name).write_bytes(path.read_bytes())
    (images / "000003.png").write_bytes(b"no picture")
    words = ["propose", "--images", str(images), "--clicks", str(tiny_set.clicks)]
    words += ["--proposer", "simulated", "--file", str(tiny_set.parts), "--workers", "1"]
    assert main([*words, "--out", str(tmp_path / "a"), "--skip-errors", "true"]) == 3
    assert "1 images were skipped" in capsys.readouterr().out
    assert main([*words, "--out", str(tmp_path / "b")]) == 1


def test_interrupt_is_130(
    tiny_set: TinySet, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sapnet.data.sampling.sample_clicks", stop)
    words = ["points", "--truth", str(tiny_set.truth), "--out", str(tmp_path / "clicks.json")]
    assert main(words) == 130
    error = capsys.readouterr().err
    assert error.startswith("sapnet points: stopped by SIGINT. Kept: what was there before, ")
    assert f"To go on: sapnet points --truth {tiny_set.truth} --out " in error


def test_an_interrupted_training_is_130(
    tiny_set: TinySet,
    recipe: Path,
    tmp_path: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sapnet.batches.dataset.ClickDataset.__getitem__", stop)
    words = ["train", "--config", str(recipe), "--images", str(tiny_set.images)]
    words += ["--proposals", str(tiny_set.store), "--out", str(tmp_path / "run")]
    assert main(words) == 130
    assert "sapnet train: stopped" in capsys.readouterr().err


def test_torch_and_torchvision_that_do_not_fit(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("sapnet.network.loading.load_model", broken)
    assert main(["predict", "--run", "r", "--images", "a", "--out", str(tmp_path)]) == 1
    assert "torch and torchvision do not fit each other" in capsys.readouterr().err


# --- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["--min-area", "--min_area"])
def test_dashes_and_underscores(
    spelling: str, tiny_set: TinySet, tmp_path: Path, capsys: Output
) -> None:
    del capsys
    figures = []
    for value in ("0", "500"):
        out = tmp_path / f"{value}.json"
        words = ["evaluate", "--proposals", str(tiny_set.store), "--truth", str(tiny_set.truth)]
        assert main([*words, f"{spelling}={value}", "--out", str(out)]) == 0
        figures.append(json.loads(out.read_text()))
    assert figures[0]["num_objects"] > figures[1]["num_objects"] > 0


def test_dashes_in_nested_options(capsys: Output) -> None:
    assert _settings(capsys, "--model.fpn-channels", "48")["model"]["fpn_channels"] == 48


def test_default_method_is_ours(capsys: Output) -> None:
    settings = _settings(capsys)
    assert settings["method"] == "sapnet+"
    selection = settings["model"]["selection"]
    assert selection["mask_crops"] is SelectionConfig().mask_crops is True


def test_method_of_the_paper(capsys: Output) -> None:
    selection = _settings(capsys, "--method", "paper")["model"]["selection"]
    paper = paper_selection()
    for name in ("mask_crops", "exclude_rivals", "near_tie_margin", "own_score_power"):
        assert selection[name] == getattr(paper, name)


@pytest.mark.parametrize("words", [["--method=paper"], ["--method", "paper"]])
def test_explicit_options_win_over_the_method(words: list[str], capsys: Output) -> None:
    settings = _settings(capsys, "--model.selection.mask_crops", "true", *words)
    assert settings["model"]["selection"]["mask_crops"] is True
    assert settings["model"]["selection"]["exclude_rivals"] is False


def test_method_in_a_recipe(capsys: Output, tmp_path: Path) -> None:
    path = tmp_path / "paper.yaml"
    path.write_text("method: paper\nepochs: 3\nmodel: {selection: {top_k: 2}}\n")
    settings = _settings(capsys, "--config", str(path))
    assert settings["method"] == "paper"
    assert settings["epochs"] == 3
    assert settings["model"]["selection"]["mask_crops"] is False
    assert settings["model"]["selection"]["top_k"] == 2
    ours = _settings(capsys, "--config", str(path), "--method", "sapnet+", "--epochs", "5")
    assert ours["model"]["selection"]["mask_crops"] is True
    assert ours["epochs"] == 5


def test_unknown_key_in_a_recipe(capsys: Output, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("model: {bakcbone: resnet50}\n")
    assert main(["train", "--images", "i", "--out", "o", "--config", str(path)]) == 2
    assert "bakcbone" in capsys.readouterr().err


def test_precision_by_number(capsys: Output, tmp_path: Path) -> None:
    assert _settings(capsys, "--precision", "32")["precision"] == "32"
    path = tmp_path / "plain.yaml"
    path.write_text("precision: '32'\n")
    assert _settings(capsys, "--config", str(path))["precision"] == "32"


def test_printed_settings_are_a_recipe(capsys: Output, tmp_path: Path) -> None:
    first = _settings(capsys, "--method", "paper", "--optimizer.lr", "0.02")
    path = tmp_path / "printed.yaml"
    path.write_text(yaml.safe_dump(first))
    assert _settings(capsys, "--config", str(path)) == first
    assert first["optimizer"]["lr"] == 0.02
    assert first["optimizer"]["steps"] == [8, 10]


def test_printed_settings_fit_the_data(tiny_set: TinySet, capsys: Output) -> None:
    """Without data the grids stay open; with data they are what a run would use."""
    small = ["--model.augment.short_sides", "[64]"]
    unknown = _settings(capsys, *small)["model"]["segmentation"]
    assert (unknown["num_grids"], unknown["scale_ranges"]) == (None, None)
    data = ["--proposals", str(tiny_set.store)]
    fitted = _settings(capsys, *small, *data)["model"]["segmentation"]
    assert fitted["num_grids"] == [8, 7, 5, 3, 2]
    assert fitted["scale_ranges"] == [[1, 32], [16, 64], [32, 128], [64, 256], [128, 2048]]
    masks = ["--supervision", "masks", "--masks", str(tiny_set.truth)]
    assert _settings(capsys, *small, *masks)["model"]["segmentation"] == fitted


def test_printed_settings_keep_what_is_given(
    tiny_set: TinySet, capsys: Output, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("optimizer: {lr: 0.2}\nmodel: {segmentation: {num_grids: [9, 8, 7, 6, 5]}}\n")
    words = ["--config", str(recipe), "--proposals", str(tiny_set.store), "--epochs", "6"]
    settings = _settings(capsys, *words)
    assert settings["model"]["segmentation"]["num_grids"] == [9, 8, 7, 6, 5]
    assert (settings["optimizer"]["lr"], settings["optimizer"]["lr_batch"]) == (0.2, None)
    assert settings["optimizer"]["steps"] == [4, 5]
    ranges = "[[1,9],[1,9],[1,9],[1,9],[1,9]]"
    settings = _settings(capsys, *words, "--model.segmentation.scale_ranges", ranges)
    assert settings["model"]["segmentation"]["scale_ranges"] == [[1, 9]] * 5


def test_printed_rates_are_those_of_the_batch(capsys: Output) -> None:
    optimizer = _settings(capsys, "--batch_size", "8")["optimizer"]
    assert (optimizer["lr"], optimizer["lr_batch"]) == (0.015 / 4, 8)


def test_settings_of_data_that_are_not_there_are_an_error(capsys: Output) -> None:
    words = ["train", "--images", "i", "--out", "o", "--proposals", "missing", "--print_config"]
    assert main(words) == 1
    assert "missing: no proposal store here" in capsys.readouterr().err


# --- the recipe of a machine without a GPU --------------------------------------------------------


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sapnet.training.default_recipe.choose_device", lambda _: torch.device("cpu")
    )


def _plain(output: Output, out: Path, *words: str) -> tuple[dict[str, Any], str]:
    """What `train` without `--config` would run with, and what it says."""
    assert main(["train", "--images", "i", "--out", str(out), *words, "--print-config"]) == 0
    shown = output.readouterr()
    settings: dict[str, Any] = yaml.safe_load(shown.out)
    return settings, shown.err


@pytest.mark.usefixtures("without_gpu")
def test_without_a_gpu_a_small_recipe_is_taken_and_said(capsys: Output, tmp_path: Path) -> None:
    settings, said = _plain(
        capsys, tmp_path, "--model.selection.hidden-channels", "48", "--epochs", "3"
    )
    assert said.startswith("no GPU and no recipe given: this takes the recipe small_images_cpu")
    assert said.count("\n") == 1
    assert settings["model"]["backbone"] == "tf_efficientnet_lite0"
    assert settings["model"]["selection"]["negatives"]["num_random"] == 32
    assert (settings["model"]["selection"]["hidden_channels"], settings["epochs"]) == (48, 3)
    recipe, _ = _plain(capsys, tmp_path, "--config", "small_images_cpu")
    optimizer = {**recipe["optimizer"], "steps": [2]}  # two thirds of the training
    selection = {**recipe["model"]["selection"], "hidden_channels": 48}
    model = {**recipe["model"], "selection": selection}
    assert settings == {**recipe, "epochs": 3, "optimizer": optimizer, "model": model}


@pytest.mark.usefixtures("without_gpu")
def test_the_method_lies_below_the_small_recipe(capsys: Output, tmp_path: Path) -> None:
    settings, _ = _plain(capsys, tmp_path, "--method", "paper")
    selection = settings["model"]["selection"]
    assert (settings["method"], selection["mask_crops"]) == ("paper", False)
    assert selection["hidden_channels"] == 256


@pytest.mark.usefixtures("without_gpu")
def test_a_recipe_that_is_given_is_the_only_one(
    capsys: Output, tmp_path: Path, recipe: Path
) -> None:
    settings, said = _plain(capsys, tmp_path, "--config", str(recipe))
    assert said == ""
    assert settings["model"]["backbone"] == "test_resnet"
    assert settings["optimizer"]["schedule"] == "step"


def test_with_a_gpu_the_defaults_stay(
    capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sapnet.training.default_recipe.choose_device", lambda _: torch.device("cuda")
    )
    settings, said = _plain(capsys, tmp_path)
    assert (said, settings["model"]["backbone"]) == ("", "resnet50")


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("begun_with", ["defaults", "small_images_cpu"])
def test_an_unfinished_run_goes_on_with_what_it_was_begun_with(
    begun_with: str, tiny_set: TinySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that an earlier sapnet began without `--config` has the defaults of a GPU."""
    original, seen = ClickDataset.__getitem__, []

    def stop(self: ClickDataset, index: int) -> Sample:
        seen.append(index)
        if int(self._epoch) == 1:
            raise KeyboardInterrupt
        return original(self, index)

    changes = [
        *("--epochs", "2", "--workers", "0", "--model.backbone", "test_resnet"),
        *("--model.weights", "none", "--model.augment.short_sides", "[64]"),
        *("--model.segmentation.stacked_convs", "1", "--model.segmentation.channels", "32"),
        *("--model.fpn_channels", "32", "--model.selection.hidden_channels", "32"),
    ]
    words = ["train", "--images", str(tiny_set.images), "--proposals", str(tiny_set.store)]
    words += ["--out", str(tmp_path / "run"), *changes]
    with monkeypatch.context() as patch:
        patch.setattr(ClickDataset, "__getitem__", stop)
        assert main([*words, "--config", begun_with, *changes]) == 130
    stored = json.loads((tmp_path / "run" / "settings.json").read_text())
    long_side = {"defaults": 1333, "small_images_cpu": 480}
    assert stored["model"]["augment"]["max_long_side"] == long_side[begun_with]
    assert main(words) == 0
    assert json.loads((tmp_path / "run" / "settings.json").read_text()) == stored


# --- the whole way ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain(tiny_set: TinySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with everything that the commands wrote, one after the other."""
    folder = tmp_path_factory.mktemp("chain")
    recipe = folder / "recipe.yaml"
    recipe.write_text(TINY_RECIPE)
    images, truth = str(tiny_set.images), str(tiny_set.truth)
    clicks, store, run = (str(folder / name) for name in ("clicks.json", "store", "run"))
    commands = [
        f"points --truth {truth} --out {clicks} --mode center",
        f"propose --images {images} --clicks {clicks} --out {store} --proposer simulated "
        f"--file {tiny_set.parts} --workers 1",
        f"train --config {recipe} --images {images} --proposals {store} --out {run} "
        f"--truth {truth} --val.images {images} --val.truth {truth}",
        f"label --run {run} --images {images} --proposals {store} --out {folder}/labels.json "
        "--workers 0 --device cpu",
        f"predict --run {run} --images {images} --out {folder}/predictions --device cpu",
        f"evaluate --labels {folder}/labels.json --proposals {store} "
        f"--predictions {folder}/predictions/results.json --truth {truth} "
        f"--out {folder}/metrics.json",
    ]
    for command in commands:
        assert main(command.split()) == 0, command
    return folder


def test_the_whole_way_writes_the_contract(chain: Path) -> None:
    metrics = json.loads((chain / "metrics.json").read_text())
    sizes = ("", "_small", "_medium", "_large")
    kinds = ("label_miou", "top1_miou", "oracle_miou", "mask_ap")
    expected = {f"{kind}{size}" for kind in kinds for size in sizes}
    expected |= {"num_objects", "mask_ap50", "mask_ap75", "box_ap", "voc_ap25", "voc_ap50"}
    assert expected <= metrics.keys()
    assert 0 < metrics["label_miou"] <= metrics["oracle_miou"] <= 1
    assert metrics["top1_miou"] <= metrics["oracle_miou"]


def test_each_command_says_what_it_wrote(
    chain: Path, tiny_set: TinySet, tmp_path: Path, capsys: Output
) -> None:
    out = tmp_path / "labels.json"
    words = f"label --run {chain}/run --images {tiny_set.images} --proposals {chain}/store"
    assert main([*words.split(), "--out", str(out), "--workers", "0"]) == 0
    content = json.loads(out.read_text())
    count = len(content["annotations"])
    assert f"{count} masks on 8 images: {out}" in capsys.readouterr().out


def test_a_finished_run_says_so(
    chain: Path, tiny_set: TinySet, capsys: Output, recipe: Path
) -> None:
    words = f"train --config {recipe} --images {tiny_set.images} --proposals {chain}/store"
    assert main([*words.split(), "--out", f"{chain}/run"]) == 0
    assert "nothing to do, it has 1 epochs" in capsys.readouterr().out


def test_a_run_of_other_settings_is_a_failure(
    chain: Path, tiny_set: TinySet, capsys: Output, recipe: Path
) -> None:
    words = f"train --config {recipe} --images {tiny_set.images} --proposals {chain}/store"
    assert main([*words.split(), "--out", f"{chain}/run", "--seed", "3"]) == 1
    assert "train.seed is 0 there and 3 now" in capsys.readouterr().err


def test_images_can_be_files(
    chain: Path, tiny_set: TinySet, tmp_path: Path, capsys: Output
) -> None:
    files = [str(tiny_set.images / name) for name in ("000001.png", "000004.png")]
    words = ["predict", "--run", f"{chain}/run", "--images", *files, "--out", str(tmp_path)]
    assert main([*words, "--no-pictures"]) == 0
    assert "instances on 2 images" in capsys.readouterr().out
    assert not (tmp_path / "pictures").exists()


def test_progress_is_quiet_in_a_pipe(tiny_set: TinySet, recipe: Path, tmp_path: Path) -> None:
    words = f"train --config {recipe} --images {tiny_set.images} --proposals {tiny_set.store}"
    done = subprocess.run(
        [sys.executable, "-m", "sapnet", *words.split(), "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=True,
    )
    told = done.stderr.replace("\r", "\n").splitlines()
    assert told[0].startswith("training on cpu: 8 images, 3 categories")
    assert told[1].startswith("data: 8 images, 15 objects, 1.9 an image")
    assert told[2].startswith("hint: 2 steps are few")
    assert told[3].startswith("epoch 1/1, step 1/2: loss ")
    assert told[4].startswith("epoch 1/1, step 2/2: loss ")
    assert len(told) == 5, done.stderr
    assert done.stdout.startswith("trained 1 epochs: ")
