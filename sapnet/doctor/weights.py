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
    """Return the default backbone's ImageNet weights, and the default checkpoint of the proposer `sam`."""
    facts, findings = [], []
    hub = _Hub()
    for weights in _default_weights():
        state = _find(weights, hub)
        facts.append(Fact(weights.name, f"{weights.repository}: {state}"))
        if state in ("offline", "unreachable"):
            found = (
                "the hub is switched off (HF_HUB_OFFLINE)"
                if state == "offline"
                else f"the hub cannot be reached ({hub.problem})"
            )
            message = f"not in the cache {_cache()}, and {found}. {weights.advice}"
            place = f"{weights.name} ({weights.repository})"
            findings.append(Finding("warning", "weights out of reach", message, place=place))
    return Examination("weights", tuple(facts), tuple(findings))


def _default_weights() -> list[Weights]:
    from sapnet.network.config import ModelConfig
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


class _Hub:
    """The hub, which is not asked again once it was out of reach.

    Attributes:
        problem: why it was; empty as long as it was not.
    """

    def __init__(self) -> None:
        self.problem = ""

    def has(self, repository: str) -> bool:
        """Return True if the hub says that it has a repository."""
        from huggingface_hub import HfApi

        if self.problem:
            return False
        try:
            HfApi().model_info(repository, timeout=PROBE_SECONDS)
        except Exception as error:  # the hub's client raises its transport's own, changing types
            self.problem = str(error).strip().split("\n")[0] or type(error).__name__
            return False
        return True


def _find(weights: Weights, hub: _Hub) -> WeightState:
    """Where some weights are."""
    from huggingface_hub import constants, try_to_load_from_cache

    if any(isinstance(try_to_load_from_cache(weights.repository, f), str) for f in weights.files):
        return "cached"
    if constants.HF_HUB_OFFLINE:
        return "offline"
    return "on the hub" if hub.has(weights.repository) else "unreachable"


def _cache() -> str:
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)
