import pytest

from sapnet.prediction.config import PredictionConfig


@pytest.mark.parametrize("name", ["workers", "batch_size"])
def test_at_least_one(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, found 0"):
        PredictionConfig(**{name: 0})


@pytest.mark.parametrize("name", ["score_threshold", "draw_threshold"])
def test_thresholds_are_scores(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: expected 0\.\.1, found 1\.5"):
        PredictionConfig(**{name: 1.5})
