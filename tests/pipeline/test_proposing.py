from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet import demo
from sapnet.cli import main
from sapnet.data.clicks import save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.data.tiles.clicks import tile_clicks
from sapnet.data.tiles.grid import Parts
from sapnet.evaluation.proposals import evaluate_proposals
from sapnet.pipeline.proposing import WORK, propose
from sapnet.proposals.click.weights import embedded_weights, weights_hash
from sapnet.proposals.config import ProposeConfig
from sapnet.store.layout import WEIGHTS_NAME, StoreError
from sapnet.store.reader import ProposalStore
from sapnet.store.writer import find_manifest
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.teaching.adapting import adapt as adapting
from sapnet.teaching.adapting.adapt import AdaptInputs

SIDE, CLICKS = 96, 50


@pytest.fixture
def cfg(tmp_path: Path) -> ProposeConfig:
    """Settings for 50 clicks on two images."""
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    images = tuple(ImageRecord(i, f"{i}.png", SIDE, SIDE) for i in (1, 2))
    for image in images:
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(folder / image.file_name)
    clicks = tuple(
        Click(n, 1 + n % 2, 1, ((float(18 * (n // 2 % 5) + 9), float(18 * (n // 10) + 9)),))
        for n in range(CLICKS)
    )
    path = tmp_path / "clicks.json"
    save_clicks(path, ClickSet(images, (Category(1, "cell"),), clicks))
    return ProposeConfig(
        str(folder), str(path), str(tmp_path / "store"), proposer="click", workers=1
    )


@pytest.fixture
def adapted(monkeypatch: pytest.MonkeyPatch, click_weights: Path) -> list[AdaptInputs]:
    """Let an adaptation find random weights; collect what it is asked for."""
    asked: list[AdaptInputs] = []

    def find(start: Path, inputs: AdaptInputs, out: Path, folder: Path) -> bool:
        assert start.is_file()
        assert folder == out.parent / WORK
        asked.append(inputs)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(click_weights.read_bytes())
        return True

    monkeypatch.setattr(adapting, "adapt", find)
    return asked


def weights_of(store: str | Path) -> object:
    manifest = find_manifest(store)
    assert manifest is not None
    return manifest.settings["weights"]


def test_the_proposer_is_adapted_by_default_and_kept_with_the_store(
    cfg: ProposeConfig, adapted: list[AdaptInputs], click_weights: Path
) -> None:
    summary = propose(cfg)
    assert summary.num_objects == CLICKS
    assert [len(inputs.clicks.clicks) for inputs in adapted] == [CLICKS]
    assert weights_of(cfg.out) == weights_hash(click_weights)
    assert (Path(cfg.out) / WEIGHTS_NAME).is_file()
    assert ProposalStore(Path(cfg.out)).is_complete
    assert propose(cfg).num_images_before == 2, "the same store goes on"
    assert len(adapted) == 1


def test_a_run_that_was_killed_after_the_adaptation_goes_on(
    cfg: ProposeConfig, adapted: list[AdaptInputs], click_weights: Path
) -> None:
    out = Path(cfg.out)
    out.mkdir()
    (out / WEIGHTS_NAME).write_bytes(click_weights.read_bytes())
    propose(cfg)
    assert not adapted
    assert weights_of(cfg.out) == weights_hash(click_weights)


def test_a_store_keeps_the_weights_that_it_was_begun_with(
    cfg: ProposeConfig, adapted: list[AdaptInputs]
) -> None:
    propose(replace(cfg, adapt=False))
    propose(cfg)
    assert not adapted
    assert weights_of(cfg.out) == weights_hash(embedded_weights())
    other = replace(cfg, out=f"{cfg.out}2")
    propose(other)
    with pytest.raises(StoreError, match="weights"):
        propose(replace(other, adapt=False))
    with pytest.raises(StoreError, match="weights"):
        propose(replace(other, checkpoint=str(embedded_weights())))


def test_an_adapted_store_goes_on_with_fewer_clicks(
    cfg: ProposeConfig, adapted: list[AdaptInputs], click_weights: Path
) -> None:
    propose(cfg)
    summary = propose(fewer_clicks(cfg))
    assert summary.updated is not None
    assert len(adapted) == 1
    assert weights_of(cfg.out) == weights_hash(click_weights)


def test_a_store_named_by_a_url_of_this_machine(
    cfg: ProposeConfig, adapted: list[AdaptInputs]
) -> None:
    propose(replace(cfg, out=f"file://{cfg.out}", images=f"file://{cfg.images}"))
    assert len(adapted) == 1
    assert adapted[0].images == Path(cfg.images)
    assert (Path(cfg.out) / WEIGHTS_NAME).is_file()


def fewer_clicks(cfg: ProposeConfig) -> ProposeConfig:
    from sapnet.data.clicks import load_clicks

    path = Path(cfg.clicks)
    clicks = load_clicks(path)
    save_clicks(path, replace(clicks, clicks=clicks.clicks[1:]))
    return cfg


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda cfg: replace(cfg, proposer="regions"),
            "expected the proposer click, found regions",
        ),
        (
            lambda cfg: replace(cfg, shard="0/2"),
            "expected one run of this machine for the whole store",
        ),
        (
            lambda cfg: replace(cfg, out="memory://store"),
            "expected images in a folder and a store on this machine",
        ),
        (fewer_clicks, "expected 50 clicks or more, found 49"),
    ],
)
def test_where_it_cannot_be_adapted(
    cfg: ProposeConfig,
    adapted: list[AdaptInputs],
    change: Callable[[ProposeConfig], ProposeConfig],
    expected: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    changed = change(cfg)
    with pytest.raises(ValueError, match=f"--adapt: {expected}"):
        propose(replace(changed, adapt=True))
    with caplog.at_level(logging.INFO):
        propose(changed)
    is_said = f"click is not adapted to these images: {expected}" in caplog.text
    assert is_said == (changed.proposer == "click")
    assert not adapted


def test_named_weights_are_adapted_on_request_alone(
    cfg: ProposeConfig, adapted: list[AdaptInputs]
) -> None:
    named = replace(cfg, checkpoint=str(embedded_weights()))
    propose(named)
    assert not adapted
    propose(replace(named, adapt=True, out=f"{cfg.out}2"))
    assert len(adapted) == 1


def test_windows_of_large_images_are_what_it_is_adapted_to(
    cfg: ProposeConfig, adapted: list[AdaptInputs]
) -> None:
    propose(replace(cfg, tile=64, overlap=16))
    (inputs,) = adapted
    names = {image.file_name for image in inputs.clicks.images}
    assert len(names) > 2
    assert all("#xywh=" in name for name in names)


def test_the_choices_of_windows_are_read(cfg: ProposeConfig) -> None:
    small = adapting.AdaptConfig(max_clicks=12)
    whole = adapting.choose_all(embedded_weights(), _inputs(cfg), small)
    assert sum(len(image.objects) for image in whole) > 0
    tiled = tile_clicks(_inputs(cfg).clicks, Parts.of(64, 16, ()))
    found = adapting.choose_all(embedded_weights(), replace(_inputs(cfg), clicks=tiled), small)
    assert all("#xywh=" in str(image.path) for image in found)


def _inputs(cfg: ProposeConfig) -> AdaptInputs:
    from sapnet.data.clicks import load_clicks

    return AdaptInputs(Path(cfg.images), load_clicks(Path(cfg.clicks)))


def test_the_command_says_what_it_found(
    cfg: ProposeConfig, adapted: list[AdaptInputs], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--images", cfg.images, "--clicks", cfg.clicks, "--out", cfg.out]
    assert main(["propose", *map(str, words), "--proposer", "regions", "--adapt", "true"]) != 0
    assert "--adapt: expected the proposer click, found regions" in capsys.readouterr().err
    assert not adapted


@pytest.mark.slow
def test_nuclei_are_told_from_groups_of_them(tmp_path: Path) -> None:
    found = {}
    for adapt in (False, True):
        out = tmp_path / f"store_{adapt}"
        cfg = ProposeConfig(
            str(NUCLEI / "images" / "train"),
            str(nuclei_clicks(tmp_path)),
            str(out),
            "click",
            adapt=adapt,
        )
        propose(cfg)
        found[adapt] = evaluate_proposals(out, NUCLEI / "instances_train.json")
    assert found[True]["top1_miou"] > found[False]["top1_miou"] + 0.04
    assert found[True]["oracle_miou"] > found[False]["oracle_miou"] + 0.02


NUCLEI = Path(demo.__file__).parent / "nuclei"


def nuclei_clicks(folder: Path) -> Path:
    """Clicks drawn from the true masks of the nuclei that come with the package."""
    path = folder / "clicks.json"
    return save_clicks(path, sample_clicks(load_instances(NUCLEI / "instances_train.json")))
