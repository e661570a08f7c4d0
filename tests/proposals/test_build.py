from __future__ import annotations

import json
from pathlib import Path

import pytest

from sapnet.proposals.build import build_proposer, build_staged_proposer, find_parts
from sapnet.proposals.click.weights import embedded_weights, weights_hash
from sapnet.proposals.config import ProposeConfig, SamConfig, StagedConfig
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.structures.clicks import Click, ClickSet
from tests.proposals.conftest import put_in_hub_cache

CLICKS = ClickSet((), (), (Click(1, 1, 1, ((0.5, 0.5),)),))


def config(folder: Path, **values: object) -> ProposeConfig:
    paths = {"images": folder / "images", "clicks": folder / "c.json", "out": folder / "out"}
    return ProposeConfig(**{**paths, **values})  # type: ignore[arg-type]  # by name


def test_sam_takes_the_flat_settings(tmp_path: Path, sam_checkpoint: Path) -> None:
    cfg = config(
        tmp_path,
        proposer="sam",
        checkpoint=str(sam_checkpoint),
        device="cpu",
        precision="float32",
        points_per_chunk=3,
        box_prompts=False,
    )
    proposer = build_proposer(cfg, CLICKS)
    assert proposer.name == "sam"
    assert vars(proposer)["cfg"].points_per_chunk == 3
    assert proposer.settings == {"checkpoint": str(sam_checkpoint), "box_prompts": False}


def test_file_is_compared_with_the_clicks(tmp_path: Path) -> None:
    path = tmp_path / "proposals.json"
    path.write_text(json.dumps([]))
    with pytest.raises(ValueError, match="no proposals for annotation_id 1"):
        build_proposer(config(tmp_path, proposer="file", file=path), CLICKS)


def test_regions_take_the_number_of_proposals(tmp_path: Path) -> None:
    pytest.importorskip("sapnet.proposals.regions.proposer")
    eight = build_proposer(config(tmp_path, proposer="regions", num_proposals=8), CLICKS)
    other = build_proposer(config(tmp_path, proposer="regions", num_proposals=5), CLICKS)
    assert (eight.name, other.name) == ("regions", "regions")
    assert eight.settings != other.settings


def test_click_takes_weights_and_the_number_of_proposals(
    tmp_path: Path, click_weights: Path
) -> None:
    named = config(tmp_path, proposer="click", checkpoint=str(click_weights), num_proposals=3)
    three = build_proposer(named, CLICKS)
    assert three.settings["num_proposals"] == 3
    assert three.settings["weights"] == weights_hash(click_weights)
    embedded = build_proposer(config(tmp_path, proposer="click"), CLICKS)
    assert embedded.settings["num_proposals"] == 8
    assert embedded.settings["weights"] == weights_hash(embedded_weights())
    with pytest.raises(FileNotFoundError, match="no such file of weights of the click segmenter"):
        build_proposer(config(tmp_path, proposer="click", checkpoint="absent.st"), CLICKS)


def test_auto_takes_what_is_here(
    tmp_path: Path, hub_cache: Path, sam_checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert build_proposer(config(tmp_path), CLICKS).name == "click"
    put_in_hub_cache(sam_checkpoint, "facebook/sam-vit-base", hub_cache)
    sam = build_proposer(config(tmp_path, device="cpu"), CLICKS)
    assert sam.settings["checkpoint"] == "facebook/sam-vit-base"
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("proposer: click, the embedded segmenter (auto: the hub's cache holds")
    assert second.startswith("proposer: sam, facebook/sam-vit-base (auto: these weights are in")


def test_parts_in_the_images_folder_or_beside_it(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    with pytest.raises(FileNotFoundError, match=r"parts.json.*synthetic set only.*--file"):
        find_parts(images)
    (tmp_path / "parts.json").write_text("{}")
    assert find_parts(images) == tmp_path / "parts.json"
    (images / "parts.json").write_text("{}")
    assert find_parts(images) == images / "parts.json"


def test_staged_proposers(sam_checkpoint: Path) -> None:
    regions = build_staged_proposer(StagedConfig("regions", num_proposals=3))
    assert regions.settings["num_proposals"] == 3
    default = build_staged_proposer(StagedConfig("regions"))
    assert default.settings["num_proposals"] == RegionsConfig.num_proposals
    sam = build_staged_proposer(
        StagedConfig("sam", sam=SamConfig(checkpoint=str(sam_checkpoint), device="cpu"))
    )
    assert sam.settings["checkpoint"] == str(sam_checkpoint)
