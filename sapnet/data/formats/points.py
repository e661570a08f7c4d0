"""Types of points and boxes in foreign files."""

from __future__ import annotations

Point = tuple[float, float]
"""x and y in pixels of the image."""

Box = tuple[float, float, float, float]
"""xyxy, pixel edges."""
