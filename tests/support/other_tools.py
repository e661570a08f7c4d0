"""Other tools that tests compare with, where they are installed."""

from __future__ import annotations

from types import ModuleType

import pytest

OLDEST = {"supervision": "0.31"}
"""Releases from which a tool reads what we write; before, supervision misread run lengths."""


def needed(name: str) -> ModuleType:
    """Import another tool; skip the test where it is missing or too old."""
    return pytest.importorskip(
        name,
        minversion=OLDEST.get(name),
        reason=f"{name} {OLDEST.get(name, '')} is not installed; see `make interop`",
    )
