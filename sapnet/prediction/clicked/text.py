"""Clicks and boxes of objects as users type them."""

from __future__ import annotations

import re
from dataclasses import dataclass

POINT_SYNTAX = "x,y[+x,y ...][-x,y ...][@x1,y1,x2,y2][,class]"
"""One object: a click, further clicks on it, clicks off it, its box, its class."""

BOX_SYNTAX = "x1,y1,x2,y2[,class]"
"""One object that is known by its box alone."""

_NUMBER = r"(?:\d+\.?\d*|\.\d+)"
_POINT = f"{_NUMBER},{_NUMBER}"
_BOX = f"{_POINT},{_POINT}"
_CLASS = r"(?:,(?P<label>[^,]*[^,\d\s.][^,]*))?"  # a number is a forgotten coordinate
_OBJECT = re.compile(f"(?P<points>{_POINT}(?:[+-]{_POINT})*)(?:@(?P<box>{_BOX}))?{_CLASS}")
_BOXED = re.compile(f"(?P<box>{_BOX}){_CLASS}")


@dataclass(frozen=True)
class ObjectPrompt:
    """All that is known of one object, in pixels of the upright image.

    Attributes:
        points: at least one (x, y) on the object.
        negative_points: (x, y) off the object.
        box: xyxy, or None.
        label: name of its class, or None.
    """

    points: tuple[tuple[float, float], ...]
    negative_points: tuple[tuple[float, float], ...] = ()
    box: tuple[float, float, float, float] | None = None
    label: str | None = None


def parse_object(text: str) -> ObjectPrompt:
    """Read an object in the form `POINT_SYNTAX`.

    Raises:
        ValueError: the text has another form.
    """
    found = _OBJECT.fullmatch(text)
    if found is None:
        raise ValueError(f"expected {POINT_SYNTAX}, such as 320,240,cup, found {text!r}")
    points: list[tuple[float, float]] = []
    negative_points: list[tuple[float, float]] = []
    for sign, x, y in re.findall(f"([+-]?)({_NUMBER}),({_NUMBER})", found["points"]):
        (negative_points if sign == "-" else points).append((float(x), float(y)))
    box = None if found["box"] is None else _box(found["box"])
    return ObjectPrompt(tuple(points), tuple(negative_points), box, _label(found["label"]))


def parse_box(text: str) -> ObjectPrompt:
    """Read an object in the form `BOX_SYNTAX`; the center of the box stands for its click.

    Raises:
        ValueError: the text has another form, or the box has no area.
    """
    found = _BOXED.fullmatch(text)
    if found is None:
        raise ValueError(f"expected {BOX_SYNTAX}, such as 10,20,90,80,cup, found {text!r}")
    x1, y1, x2, y2 = box = _box(found["box"])
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f"expected a box with x1 < x2 and y1 < y2, found {text!r}")
    return ObjectPrompt((((x1 + x2) / 2, (y1 + y2) / 2),), (), box, _label(found["label"]))


def _box(text: str) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = map(float, text.split(","))
    return x1, y1, x2, y2


def _label(text: str | None) -> str | None:
    return None if text is None else text.strip()
