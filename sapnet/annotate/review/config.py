"""Settings of `sapnet review`; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sapnet.annotate.config import AnnotateConfig
from sapnet.proposals.config import SamConfig

CORRECTIONS_NAME = "corrections.json"
"""File beside the labels that is written unless `out` names another."""

ReviewProposerName = Literal["store", "regions", "sam", "none"]


@dataclass(frozen=True)
class ReviewConfig:
    """Which labels are looked at, where decisions are written, and how the page is served.

    Attributes:
        images: folder of the clicked images.
        proposals: their proposal store.
        labels: written by `sapnet label`; with a run and without that file it is written first.
        out: file of the decisions, written or continued; unset is `corrections.json` beside the
            labels.
        run: trained run or hub name, needed only where the labels are not there yet.
        proposer: who proposes for new clicks: "store" is the proposer of the store where it can be
            asked again (`regions` and `sam`), else `regions`.
        checkpoint: of `sam`: hub name or local folder; unset is the one of the store.
        device: where the run and `sam` compute: auto, cpu, cuda or mps.
        host: address the server listens on; the default is reachable from this machine only.
        port: port of the page; 0 takes a free one.
        no_browser: print the address without opening a browser.
    """

    images: Path
    proposals: Path
    labels: Path
    out: Path | None = None
    run: str | None = None
    proposer: ReviewProposerName = "store"
    checkpoint: str | None = None
    device: str = SamConfig.device
    host: str = AnnotateConfig.host
    port: int = AnnotateConfig.port
    no_browser: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: expected 0 to 65535, found {self.port}")

    @property
    def corrections_file(self) -> Path:
        """The file of decisions that is written."""
        return self.out or self.labels.parent / CORRECTIONS_NAME
