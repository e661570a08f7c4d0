from __future__ import annotations

import numpy as np
import pytest
import torch

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.structures.proposals import Proposals
from sapnet.teaching.config import SourceConfig
from sapnet.teaching.objects import load_pool
from sapnet.teaching.tuning import judging
from sapnet.teaching.tuning.judging import Judgement, judge

CFG = ClickConfig(sides=(0.5, 1.0), window_side=32)


@pytest.fixture(scope="module")
def network() -> ClickNetwork:
    torch.manual_seed(0)
    return ClickNetwork(build_encoder(), Decoder()).eval()


def test_favourite_and_best_are_means_over_objects(
    source: SourceConfig, network: ClickNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The favourite covers half of each bright square, another mask all of it."""
    masks = np.zeros((2, 64, 96), np.uint8)
    masks[0, 12:24, 10:34] = 1
    masks[1, 12:36, 10:34] = 1
    rles = encode_masks(masks)
    given = Proposals(rles, rle_boxes(rles), np.array([0.9, 0.2], np.float32), ("point",) * 2)
    monkeypatch.setattr(judging, "choose_proposals", lambda *_: given)
    found = judge(network, load_pool([source]).images, cfg=CFG)
    # The dark squares overlap with neither of the two masks.
    assert found == Judgement(favourite=0.25, best=0.5, num_objects=4)
    assert found.mean == 0.375


def test_a_network_is_judged_the_same_twice(source: SourceConfig, network: ClickNetwork) -> None:
    images = load_pool([source]).images
    first = judge(network, images, 3, CFG)
    assert first.num_objects == 3
    assert 0 <= first.favourite <= first.best <= 1
    assert judge(network, images, 3, CFG) == first
