"""Facts about the proposer of a store, for the origin of masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sapnet.store.manifest import Manifest

_WEIGHTS = ("weights", "checkpoint")
"""Settings that name the weights: the hash of those of `click`, the checkpoint of `sam`."""


def origin_of_proposals(manifest: Manifest) -> dict[str, str]:
    """Return the proposer and its weights, as far as it has some."""
    named = (manifest.settings.get(key) for key in _WEIGHTS)
    weights = next((value for value in named if isinstance(value, str)), None)
    origin = {"proposer": manifest.proposer}
    return origin if weights is None else {**origin, "proposer_weights": weights}
