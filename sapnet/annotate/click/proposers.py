"""The proposer at work and the better ones; a download only when it is asked for.

Nothing here touches the network but the request of the page's own button.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.workspace import Workspace
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.checkpoint import cached_checkpoints, find_licence
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
    """The checkpoint of `sam` that is to be used from now on."""

    checkpoint: str = Field(max_length=200)


def proposer_routes(workspace: Workspace[ClickFile], device: str) -> APIRouter:
    """Return the routes of the proposer.

    Args:
        workspace: its preview is replaced.
        device: of `sam`.
    """
    router = APIRouter(prefix="/api/proposer")

    @router.get("")
    def read() -> dict[str, Any]:
        """Return the proposer at work and the better ones, without asking the hub."""
        cached = cached_checkpoints()
        name, checkpoint = workspace.file.proposer or (None, None)
        return {
            "name": None if workspace.preview is None else workspace.preview.name,
            "checkpoint": checkpoint if name is not None else None,
            "offers": [_describe(offer, offer.checkpoint in cached) for offer in OFFERS],
        }

    @router.post("")
    def use(body: ProposerChoice) -> dict[str, Any]:
        """Fetch an offered checkpoint unless it is here, and propose with it; 422 otherwise."""
        if body.checkpoint not in {offer.checkpoint for offer in OFFERS}:
            raise HTTPException(422, f"expected one of the offers, found {body.checkpoint!r}")
        if workspace.preview is None or workspace.is_taught:
            raise HTTPException(
                422, "this page was started with --proposer none or --teach; start it without"
            )
        sam = SamConfig(device=device)
        proposer = build_staged_proposer(StagedConfig("sam", None, sam, checkpoint=body.checkpoint))
        workspace.preview.swap(proposer)
        workspace.file.note_proposer(proposer.name, body.checkpoint)
        return read()

    return router


def _describe(offer: Offer, is_here: bool) -> dict[str, Any]:
    return {
        "checkpoint": offer.checkpoint,
        "megabytes": offer.megabytes,
        "licence": find_licence(offer.checkpoint),
        "here": is_here,
        "command": f"sapnet annotate IMAGES --proposer sam --checkpoint {offer.checkpoint}",
    }
