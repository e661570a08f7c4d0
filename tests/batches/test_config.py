import pytest

from sapnet.batches.config import AugmentConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"short_sides": ()}, "at least one short side"),
        ({"short_sides": (0,)}, "at least one short side"),
        ({"max_long_side": 0}, "a long side of 1 px or more"),
        ({"pad_divisor": 30}, "a multiple of 4"),
        ({"pad_divisor": 0}, "a multiple of 4"),
        ({"flip_probability": 1.5}, r"in \[0, 1\]"),
        ({"color_jitter": -0.1}, r"in \[0, 1\]"),
    ],
)
def test_senseless_settings(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AugmentConfig(**fields)
