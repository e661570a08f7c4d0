"""Whether the weights that the defaults name can be had: in the hub's cache, or from the hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sapnet.doctor.finding import Examination, Fact, Finding

PROBE_SECONDS = 3.0
"""How long the hub may take to answer; it is asked once."""

WeightState = Literal["cached", "on the hub", "offline", "unreachable"]


@dataclass(frozen=True)
class Weights:
    """Weights that a default setting names.

    Attributes:
        name: what they are for.
        repository: on the Hugging Face hub.
        files: names of the weight file, any of which will do.
        advice: what to do where they cannot be had.
    """

    name: str
    repository: str
    files: tuple[str, ...]
    advice: str


def examine_weights() -> Examination:
    """The default backbone's ImageNet weights, and the default checkpoint of the proposer `sam`."""
    facts, findings = [], []
    is_reachable: bool | None = None
    for weights in _default_weights():
        state, is_reachable = _find(weights, is_reachable)
        facts.append(Fact(weights.name, f"{weights.repository}: {state}"))
        if state in ("offline", "unreachable"):
            found = (
                "the hub is switched off (HF_HUB_OFFLINE)"
                if state == "offline"
                else (f"the hub does not answer within {PROBE_SECONDS:.0f} s")
            )
            message = f"not in the cache {_cache()}, and {found}. {weights.advice}"
            place = f"{weights.name} ({weights.repository})"
            findings.append(Finding("warning", "weights out of reach", message, place=place))
    return Examination("weights", tuple(facts), tuple(findings))


def _default_weights() -> list[Weights]:
    from sapnet.config import ModelConfig
    from sapnet.proposals.config import SamConfig

    known = []
    backbone = ModelConfig().backbone
    repository = _timm_repository(backbone)
    if repository is not None:
        known.append(
            Weights(
                f"ImageNet weights of {backbone}",
                repository,
                ("model.safetensors", "pytorch_model.bin"),
                "Train with --model.weights PATH or --model.weights none, or fetch them where "
                f"there is a network with `hf download {repository}`.",
            )
        )
    checkpoint = SamConfig.checkpoint
    known.append(
        Weights(
            "checkpoint of the proposer sam",
            checkpoint,
            ("model.safetensors",),
            "Propose with --proposer regions, which needs none, with --checkpoint FOLDER, or fetch "
            f"it where there is a network with `hf download {checkpoint}`.",
        )
    )
    return known


def _timm_repository(backbone: str) -> str | None:
    """Where timm keeps a model's weights; None where it has none, or is not installed."""
    try:
        import timm
    except (ImportError, OSError, RuntimeError):  # told by the examination of the software
        return None
    known = timm.get_pretrained_cfg(backbone)
    return None if known is None else known.hf_hub_id


def _find(weights: Weights, is_reachable: bool | None) -> tuple[WeightState, bool | None]:
    """The state of some weights, and whether the hub answers, where that is known by now."""
    from huggingface_hub import HfApi, constants, try_to_load_from_cache

    if any(isinstance(try_to_load_from_cache(weights.repository, f), str) for f in weights.files):
        return "cached", is_reachable
    if constants.HF_HUB_OFFLINE:
        return "offline", False
    if is_reachable is None or is_reachable:
        try:
            HfApi().model_info(weights.repository, timeout=PROBE_SECONDS)
        except Exception:  # the hub's client raises its transport's own, changing types
            return "unreachable", False
        return "on the hub", True
    return "unreachable", False


def _cache() -> str:
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)
