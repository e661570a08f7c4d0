"""The proposer at work and the better ones; a download only when it is asked for.

Nothing here touches the network but the request of the page's own button.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.click.fetching import Fetching
from sapnet.annotate.workspace import Workspace
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.checkpoint import cached_checkpoints, find_cached, find_licence
from sapnet.proposals.config import SamConfig, StagedConfig


@dataclass(frozen=True)
class Offer:
    """A checkpoint that proposes better masks than the embedded segmenter.

    Attributes:
        checkpoint: its name on the hub.
        megabytes: of the download.
    """

    checkpoint: str
    megabytes: int


OFFERS = (
    Offer("facebook/sam-vit-base", 375),
    Offer("facebook/sam2.1-hiera-small", 184),
    Offer("facebook/sam-vit-huge", 2560),
)


class ProposerChoice(BaseModel):
    """The checkpoint of `sam` to use from now on; None for the embedded segmenter."""

    checkpoint: str | None = Field(max_length=200)


def proposer_routes(workspace: Workspace[ClickFile], device: str) -> APIRouter:
    """Return the routes of the proposer.

    Args:
        workspace: its preview is replaced.
        device: of `sam`.
    """
    router = APIRouter(prefix="/api/proposer")
    # Why none can be chosen; empty if one can.
    fixed = "" if workspace.preview else "this page was started with --proposer none"
    fixed = "this page was started with --teach" if workspace.is_taught else fixed

    def use_now(checkpoint: str | None) -> None:
        if workspace.preview is not None:
            proposer = build_staged_proposer(_settings(checkpoint, device))
            workspace.preview.swap(proposer)
            workspace.file.note_proposer(proposer.name, checkpoint)

    fetching = Fetching(use_now)

    @router.get("")
    def read() -> dict[str, Any]:
        """Return the proposer at work, the better ones, and a download; the hub is not asked."""
        cached = cached_checkpoints()
        name, checkpoint = workspace.file.proposer or (None, None)
        return {
            "name": None if workspace.preview is None else workspace.preview.name,
            "checkpoint": checkpoint if name is not None else None,
            "fixed": fixed,
            "fetching": asdict(fetching.progress),
            "offers": [_describe(offer, offer.checkpoint in cached) for offer in OFFERS],
        }

    @router.post("")
    def use(body: ProposerChoice) -> dict[str, Any]:
        """Propose with an offered checkpoint; one that is not here is fetched first, meanwhile."""
        known = {offer.checkpoint for offer in OFFERS}
        if body.checkpoint is not None and body.checkpoint not in known:
            raise HTTPException(422, f"expected one of the offers, found {body.checkpoint!r}")
        if fixed:
            raise HTTPException(422, f"{fixed}; start it without")
        if body.checkpoint is None or find_cached(body.checkpoint) is not None:
            use_now(body.checkpoint)
        else:
            fetching.start(body.checkpoint)
        return read()

    return router


def _settings(checkpoint: str | None, device: str) -> StagedConfig:
    if checkpoint is None:
        return StagedConfig("click")
    return StagedConfig("sam", None, SamConfig(device=device), checkpoint=checkpoint)


def _describe(offer: Offer, is_here: bool) -> dict[str, Any]:
    return {
        "checkpoint": offer.checkpoint,
        "megabytes": offer.megabytes,
        "licence": find_licence(offer.checkpoint),
        "here": is_here,
        "command": f"sapnet annotate IMAGES --proposer sam --checkpoint {offer.checkpoint}",
    }
