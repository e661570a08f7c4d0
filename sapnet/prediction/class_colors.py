"""Colors of classes, those of the click page (`annotate/static/shared/colors.js`)."""

from __future__ import annotations

NAMED = (
    "#ff4d6d", "#2ec4ff", "#ffb400", "#3ddc84", "#b388ff", "#ff7a1a",
    "#00d5c8", "#f45bd6", "#c0e218", "#8ea2ff", "#ff9e9e", "#d9a066",
)  # fmt: skip
"""Colors of the first classes, visible on photographs."""

_GOLDEN_ANGLE = 137.508  # degrees: each further hue is far from those before
_FIRST_HUE = 140.0  # degrees
_SATURATION = 0.85
_LIGHT, _DARK = 0.82, 0.3  # paler and darker than the named ones


def class_color(place: int) -> str:
    """Return the color of a class as "#rrggbb"; no two of many classes share one.

    Args:
        place: of the class among all, from 0.
    """
    if place < len(NAMED):
        return NAMED[place]
    hue = (place * _GOLDEN_ANGLE + _FIRST_HUE) % 360
    light = _LIGHT if place % 2 else _DARK
    return "#" + "".join(_channel(offset, hue, light) for offset in (0, 8, 4))


def _channel(offset: int, hue: float, light: float) -> str:
    """Return a channel of a color of hue, saturation and lightness, as two hex digits."""
    k = (offset + hue / 30) % 12
    value = light - _SATURATION * min(light, 1 - light) * max(-1, min(k - 3, 9 - k, 1))
    return f"{int(255 * value + 0.5):02x}"
