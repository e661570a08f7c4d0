"""The origin of a mask: who chose it, among whose candidates, with which version, when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Origin: TypeAlias = Mapping[str, str]
"""Some of these keys, see docs/formats.md: `chosen_by`, `decision`, `prompt`, `proposer`,
`proposer_weights`, `run`, `run_weights`, `sapnet`, `time`."""

PERSON = "person"
"""Value of `chosen_by` for masks that someone gave, drew or decided on."""

UNKNOWN = "unknown"

_NOT_OF_RUN = ("run", "run_weights")
_NOT_OF_PROPOSER = ("proposer", "proposer_weights", "prompt")


def read_origin(value: object) -> dict[str, str]:
    """Return the texts of an origin in a file; empty for what is no origin."""
    if not isinstance(value, dict):
        return {}
    return {str(key): text for key, text in value.items() if isinstance(text, str)}


def merged_origin(common: object, own: object) -> dict[str, str] | None:
    """Join what a file says of all masks with what it says of one.

    Args:
        common: the file's `info`, whose `origin` is of all masks.
        own: the `origin` of a mask, as in the file.

    Returns:
        The whole origin; None where the file says nothing of the mask. A mask that a person picked
        is of no run, one that was drawn or given of no proposer either.
    """
    shared = read_origin(common.get("origin")) if isinstance(common, dict) else {}
    of_mask = read_origin(own)
    if not of_mask:
        return None
    dropped: tuple[str, ...] = ()
    if of_mask.get("chosen_by") == PERSON and of_mask.get("decision") != "accepted":
        is_candidate = of_mask.get("decision") in ("picked", "clicked")
        dropped = _NOT_OF_RUN if is_candidate else (*_NOT_OF_RUN, *_NOT_OF_PROPOSER)
    return {key: text for key, text in {**shared, **of_mask}.items() if key not in dropped}


def origin_group(origin: Origin | None) -> str:
    """Return the kind of an origin, for tables: who chose the mask, and a person's decision."""
    if not origin or "chosen_by" not in origin:
        return UNKNOWN
    decision = origin.get("decision")
    return origin["chosen_by"] + (f", {decision}" if decision else "")


def origin_words(origin: Origin | None) -> str:
    """Write an origin in one line, for formats that have a place for a text; "" without one."""
    if not origin:
        return ""
    parts = [f"chosen by {origin_group(origin)}"]
    for key, name in (("proposer", "candidates of"), ("run", "run"), ("sapnet", "sapnet")):
        if key in origin:
            weights = origin.get(f"{key}_weights")
            parts.append(f"{name} {origin[key]}" + (f" ({weights})" if weights else ""))
    return "; ".join([*parts, *([origin["time"]] if "time" in origin else [])])
