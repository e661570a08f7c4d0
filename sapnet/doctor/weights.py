"""Examination of the default weights, and of the proposer that `auto` takes with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sapnet.doctor.finding import Examination, Fact, Finding, Severity

PROBE_SECONDS = 3.0
"""Time limit of a request to the hub."""

WeightState = Literal["cached", "on the hub", "offline", "unreachable"]


@dataclass(frozen=True)
class Weights:
    """Weights that a default setting names.

    Attributes:
        name: their purpose.
        repository: repository on the Hugging Face hub.
        files: alternative names of the weight file.
        advice: what to do if they are not available.
        severity: of the finding that they are not available.
    """

    name: str
    repository: str
    files: tuple[str, ...]
    advice: str
    severity: Severity = "warning"


def examine_weights() -> Examination:
    """Examine the weights of the default backbone and proposers."""
    facts, findings = _examine_proposer()
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
            findings.append(Finding(weights.severity, "weights out of reach", message, place=place))
    return Examination("weights", tuple(facts), tuple(findings))


def _examine_proposer() -> tuple[list[Fact], list[Finding]]:
    """Examine the embedded weights, and say what the proposer `auto` takes on this machine."""
    from sapnet.proposals.automatic import choose_proposer
    from sapnet.proposals.click.weights import embedded_weights, read_weights

    try:
        choice = choose_proposer()
    except (ImportError, OSError, RuntimeError):  # reported by the examination of the software
        return [], []
    what = "embedded weights" if choice.checkpoint is None else choice.checkpoint
    facts = [Fact("proposer auto", f"takes {choice.proposer} ({what}): {choice.reason}")]
    try:
        read_weights(embedded_weights())
    except (OSError, ValueError) as error:
        return facts, [Finding("error", "embedded weights", str(error))]
    return facts, []


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
            "Propose with --proposer click, whose weights come with sapnet, with --checkpoint "
            f"FOLDER, or fetch it where there is a network with `hf download {checkpoint}`.",
            "note",
        )
    )
    return known


def _timm_repository(backbone: str) -> str | None:
    """Return timm's repository of a model's weights; None if there is none, or no timm."""
    try:
        import timm
    except (ImportError, OSError, RuntimeError):  # reported by the examination of the software
        return None
    known = timm.get_pretrained_cfg(backbone)
    return None if known is None else known.hf_hub_id


class _Hub:
    """The hub; after a failed request it counts as unreachable and gets no further requests.

    Attributes:
        problem: reason of the failure; empty if there was none.
    """

    def __init__(self) -> None:
        self.problem = ""

    def has(self, repository: str) -> bool:
        """Return True if the hub has a repository."""
        from huggingface_hub import HfApi

        if self.problem:
            return False
        try:
            HfApi().model_info(repository, timeout=PROBE_SECONDS)
        except Exception as error:  # the hub's client raises errors of its transport
            self.problem = str(error).strip().split("\n")[0] or type(error).__name__
            return False
        return True


def _find(weights: Weights, hub: _Hub) -> WeightState:
    """Return the state of some weights."""
    from huggingface_hub import constants, try_to_load_from_cache

    if any(isinstance(try_to_load_from_cache(weights.repository, f), str) for f in weights.files):
        return "cached"
    if constants.HF_HUB_OFFLINE:
        return "offline"
    return "on the hub" if hub.has(weights.repository) else "unreachable"


def _cache() -> str:
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)
