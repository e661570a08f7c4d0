"""sapnet: one click per object in, masks of the clicked category and a trained segmenter out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sapnet.network.model import SAPNet

__version__ = "0.1.0"
__all__ = ["SAPNet", "__version__"]

_LAZY = {"SAPNet": "sapnet.network.model"}
"""Public names by defining module; imported at first use, so that `import sapnet` stays quick."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module 'sapnet' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
