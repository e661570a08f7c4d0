"""Facts about a trained network and a proposer, for the origin of masks."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.network.find import WEIGHTS_FILE
from sapnet.system.version import __version__

if TYPE_CHECKING:
    from sapnet.store.manifest import Manifest

_WEIGHTS = ("weights", "checkpoint")
"""Settings of proposers that name the weights: a hash of those of `click`, the name of `sam`'s."""

DIGITS = 16
"""Digits of the SHA-256 of the weights, as stores have it of the proposer's."""


def origin_of_network(network: object | None) -> dict[str, str]:
    """Return the run and the hash of its weights, the version of sapnet, and the time.

    Args:
        network: one whose `source` is a run folder, a name on the hub or an exported file; None
            where no network had a part in it.
    """
    now = {
        "sapnet": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    source = getattr(network, "source", None)
    if source is None:
        return now
    place = Path(source)
    if not place.exists():  # a name on the hub
        return {"run": source, **now}
    run = {"run": place.resolve().name}
    weights = place / WEIGHTS_FILE if place.is_dir() else place
    if weights.is_file():
        with weights.open("rb") as file:
            run["run_weights"] = hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
    return {**run, **now}


def origin_of_proposals(manifest: Manifest) -> dict[str, str]:
    """Return the proposer of a store and its weights, as far as it has some."""
    named = (manifest.settings.get(key) for key in _WEIGHTS)
    weights = next((value for value in named if isinstance(value, str)), None)
    origin = {"proposer": manifest.proposer}
    return origin if weights is None else {**origin, "proposer_weights": weights}
