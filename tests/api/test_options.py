from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from sapnet.api.options import check_names, fill, plain_values


@dataclass(frozen=True)
class Inner:
    rate: float | None = None
    steps: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Outer:
    """Settings with a group."""

    out: Path
    epochs: int = 12
    engine: Literal["local", "ray"] = "local"
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs: expected at least 1, found {self.epochs}")


def test_values_are_filled_in() -> None:
    filled = fill("make", Outer, {"out": "a", "inner": {"rate": 0.5, "steps": [3]}})
    assert filled == Outer(Path("a"), inner=Inner(0.5, (3,)))
    assert fill("make", Outer, {"out": Path("a"), "inner": Inner(0.1)}).inner == Inner(0.1)
    assert fill("make", Outer, {"out": "a"}) == Outer(Path("a"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, r"^make has no option 'epoch'; did you mean 'epochs'\?$"),
        ({"zzz": 3}, r"^make has no option 'zzz'; expected one of engine, epochs, inner, out$"),
        ({"inner": {"rat": 1}}, r"^make: inner has no option 'rat'; did you mean 'rate'\?$"),
    ],
)
def test_unknown_options(values: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        fill("make", Outer, {"out": "a", **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": "many"}, r"^make: epochs: expected int, found 'many'$"),
        ({"epochs": 0}, r"^epochs: expected at least 1, found 0$"),
        ({"engine": "rai"}, r"^make: engine: expected 'local' or 'ray', found 'rai'$"),
        ({"inner": {"rate": "x"}}, r"^make: inner.rate: expected float or None, found 'x'$"),
        ({"inner": 3}, r"^make: inner: expected a dictionary or Inner, found 3$"),
    ],
)
def test_wrong_values(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fill("make", Outer, {"out": "a", **values})


def test_a_required_value_is_missing() -> None:
    with pytest.raises(ValueError, match=r"make: .*out"):
        fill("make", Outer, {})


def test_plain_values() -> None:
    nested = {"a": Inner(1.0), "b": (Path("x/y"), None), "c": [Path("z")]}
    expected = {"a": {"rate": 1.0, "steps": [1, 2]}, "b": ["x/y", None], "c": ["z"]}
    assert plain_values(nested) == expected


def test_names() -> None:
    assert check_names("make", ["a"], ["a", "b"]) is None
    with pytest.raises(TypeError, match="make has no option 'c'"):
        check_names("make", ["a", "c"], ["a", "b"])
