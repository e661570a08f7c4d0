from __future__ import annotations

from typing import Any

import pytest

from sapnet.teaching.config import SourceConfig, TeachConfig


def test_windows_grow_and_get_fewer() -> None:
    cfg = TeachConfig(batch_size=16, sides=((0.0, 128), (0.5, 192)))
    assert [cfg.side_at(share) for share in (0.0, 0.49, 0.5, 1.0)] == [128, 128, 192, 192]
    assert [cfg.windows_at(share) for share in (0.0, 0.5)] == [16, 7]


def test_the_rate_rises_stays_and_falls() -> None:
    cfg = TeachConfig(warmup_steps=10, decay_from=0.5)
    assert cfg.rate_factor(0.0, 4) == 0.5
    assert cfg.rate_factor(0.4, 100) == 1
    assert cfg.rate_factor(0.75, 100) == 0.5
    assert cfg.rate_factor(1.0, 100) == cfg.rate_factor(1.1, 100) == 0


@pytest.mark.parametrize(
    "wrong", [{"sides": ()}, {"sides": ((0.1, 128),)}, {"sides": ((0.0, 100),)}, {"minutes": 0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        TeachConfig(**wrong)
    with pytest.raises(ValueError, match="expected a number > 0"):
        SourceConfig("images", "truth.json", weight=0)
