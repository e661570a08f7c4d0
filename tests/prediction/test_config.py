import pytest

from sapnet.prediction.config import PredictionConfig


@pytest.mark.parametrize("name", ["workers", "batch_size"])
def test_at_least_one(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, found 0"):
        PredictionConfig(**{name: 0})
