from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sapnet.proposals.config import ProposeConfig, RunConfig
from sapnet.store.part import Part


def test_run_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="workers: expected at least 1, found 0"):
        RunConfig(workers=0)
    with pytest.raises(ValueError, match="shard_images: expected at least 1, found -1"):
        RunConfig(shard_images=-1)
    with pytest.raises(ValueError, match=r"gpus_per_worker: expected 0 or more, found -0.5"):
        RunConfig(gpus_per_worker=-0.5)


def test_gpus_are_for_the_segmenter(tmp_path: Path) -> None:
    cfg = ProposeConfig(tmp_path, tmp_path, tmp_path, shard="1/4")
    assert cfg.run().part == Part(1, 4)
    assert cfg.run().gpus_per_worker == 0
    assert replace(cfg, proposer="sam").run().gpus_per_worker is None  # if the cluster has some
    assert replace(cfg, proposer="sam", device="cpu").run().gpus_per_worker == 0
    assert replace(cfg, proposer="sam", gpus_per_worker=0.25).run().gpus_per_worker == 0.25
