"""sapnet: one click per object in, masks and a trained instance segmenter out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sapnet.system.version import __version__

if TYPE_CHECKING:
    from sapnet.api.export import export
    from sapnet.api.label import label
    from sapnet.api.predict import predict
    from sapnet.api.propose import propose
    from sapnet.api.push import push
    from sapnet.api.quality.audit import audit
    from sapnet.api.quality.evaluate import evaluate
    from sapnet.api.quality.missed import missed
    from sapnet.api.run import run
    from sapnet.api.segment_clicks import segment_clicks
    from sapnet.api.train import train
    from sapnet.api.train_proposer import train_proposer
    from sapnet.prediction.sapnet import SAPNet
    from sapnet.store.reader import ProposalStore

__all__ = [
    "ProposalStore",
    "SAPNet",
    "__version__",
    "audit",
    "evaluate",
    "export",
    "label",
    "missed",
    "predict",
    "propose",
    "push",
    "run",
    "segment_clicks",
    "train",
    "train_proposer",
]

_LAZY = {
    "ProposalStore": "sapnet.store.reader",
    "SAPNet": "sapnet.prediction.sapnet",
    "audit": "sapnet.api.quality.audit",
    "evaluate": "sapnet.api.quality.evaluate",
    "export": "sapnet.api.export",
    "label": "sapnet.api.label",
    "missed": "sapnet.api.quality.missed",
    "predict": "sapnet.api.predict",
    "propose": "sapnet.api.propose",
    "push": "sapnet.api.push",
    "run": "sapnet.api.run",
    "segment_clicks": "sapnet.api.segment_clicks",
    "train": "sapnet.api.train",
    "train_proposer": "sapnet.api.train_proposer",
}
"""Module of each public name; imported at first use, so that `import sapnet` stays fast."""


def __getattr__(name: str) -> object:
    """Import a public name at its first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'sapnet' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    """List the public names, those that are not yet imported included."""
    return sorted({*globals(), *__all__})
