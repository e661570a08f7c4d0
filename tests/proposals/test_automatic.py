from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sapnet.pipeline.proposing import propose
from sapnet.proposals.automatic import choose_proposer, settle, settle_staged
from sapnet.proposals.checkpoint import CheckpointError, cached_checkpoints
from sapnet.proposals.config import ProposeConfig, StagedConfig
from sapnet.store.layout import StoreError
from sapnet.store.manifest import Manifest
from sapnet.store.writer import ProposalWriter, find_manifest
from tests.proposals.conftest import put_in_hub_cache

if TYPE_CHECKING:
    from tests.conftest import TinySet

SAM = "facebook/sam-vit-base"
MANIFEST = Manifest("sam", {"checkpoint": "a/sam"}, "abc", (), 0, 0, "2026-01-01T00:00:00+00:00")


def test_the_cache_is_searched_best_first(hub_cache: Path, sam_checkpoint: Path) -> None:
    assert cached_checkpoints() == []
    names = ("aaa/medical-sam", "facebook/sam2.1-hiera-tiny", "facebook/sam-vit-huge", SAM)
    for name in names:
        put_in_hub_cache(sam_checkpoint, name, hub_cache)
    huge = hub_cache / "models--facebook--sam-vit-huge" / "snapshots" / ("0" * 40)
    (huge / "more.safetensors").write_bytes(b"0" * 100)
    assert cached_checkpoints() == [SAM, names[1], names[2], names[0]]


def test_what_is_no_whole_checkpoint_of_the_family_is_passed_over(
    hub_cache: Path, sam_checkpoint: Path
) -> None:
    contents = {"a/text": '{"model_type": "bert"}', "a/list": "[]", "a/cut": '{"model_ty'}
    for name, content in {**contents, "a/part": None}.items():
        put_in_hub_cache(sam_checkpoint, name, hub_cache)
        folder = hub_cache / f"models--{name.replace('/', '--')}" / "snapshots" / ("0" * 40)
        if content is None:
            (folder / "model.safetensors").unlink()
        else:
            (folder / "config.json").write_text(content)
    assert cached_checkpoints() == []
    assert choose_proposer().proposer == "click"


@pytest.mark.usefixtures("hub_cache")
def test_named_weights_decide(tmp_path: Path, click_weights: Path, sam_checkpoint: Path) -> None:
    assert choose_proposer(str(click_weights)).proposer == "click"
    assert choose_proposer(str(tmp_path / "absent.safetensors")).proposer == "click"
    assert choose_proposer(str(sam_checkpoint)).proposer == "sam"
    with pytest.raises(CheckpointError, match=r"auto fetches nothing. Name --proposer sam"):
        choose_proposer(SAM)


@pytest.mark.usefixtures("hub_cache")
def test_other_proposers_are_left_alone(tmp_path: Path) -> None:
    staged = StagedConfig("regions", 3)
    assert settle_staged(staged) is staged
    assert settle_staged(StagedConfig("auto", 3)) == StagedConfig("click", 3)
    cfg = ProposeConfig(tmp_path, tmp_path, tmp_path / "out", proposer="sam")
    assert settle(cfg) is cfg


@pytest.mark.parametrize("begun", ["click", "regions"])
def test_a_run_goes_on_with_the_proposer_of_its_store(
    tiny_set: TinySet, tmp_path: Path, hub_cache: Path, sam_checkpoint: Path, begun: str
) -> None:
    """A segmenter that appears in the cache, or the other default, changes nothing."""
    out = tmp_path / "store"
    cfg = ProposeConfig(tiny_set.images, tiny_set.clicks, out, num_proposals=2, workers=1)
    propose(replace(cfg, proposer="auto" if begun == "click" else "regions"))
    manifest = find_manifest(out)
    assert manifest is not None
    assert manifest.proposer == begun
    assert ("weights" in manifest.settings) == (begun == "click")
    put_in_hub_cache(sam_checkpoint, SAM, hub_cache)
    again = propose(replace(cfg, num_proposals=None))
    assert again.num_images_before == tiny_set.num_images
    assert find_manifest(out) == manifest
    with pytest.raises(StoreError, match=r"the store has .*, this run 'sam'"):
        propose(replace(cfg, proposer="sam", device="cpu"))


def test_a_store_of_sam_fetches_nothing(
    tmp_path: Path, hub_cache: Path, sam_checkpoint: Path
) -> None:
    with ProposalWriter(tmp_path / "store", MANIFEST):
        pass
    cfg = ProposeConfig(tmp_path, tmp_path, tmp_path / "store")
    with pytest.raises(CheckpointError, match="a/sam: expected a folder or weights in the hub's"):
        settle(cfg)
    put_in_hub_cache(sam_checkpoint, "a/sam", hub_cache)
    assert settle(cfg) == replace(cfg, proposer="sam", checkpoint="a/sam")


def test_a_store_of_somebodys_own_proposer(tmp_path: Path) -> None:
    with ProposalWriter(tmp_path / "store", replace(MANIFEST, proposer="mine")):
        pass
    with pytest.raises(StoreError, match="found one of 'mine'"):
        settle(ProposeConfig(tmp_path, tmp_path, tmp_path / "store"))
