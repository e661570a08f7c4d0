"""Settings of `sapnet review`; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sapnet.annotate.config import AnnotateConfig
from sapnet.data.image_files.settings import check_reading
from sapnet.proposals.config import SamConfig
from sapnet.structures.corrections import CORRECTIONS_NAME

ReviewProposerName = Literal["store", "auto", "click", "sam", "regions", "none"]


@dataclass(frozen=True)
class ReviewConfig:
    """Settings of `sapnet review`: the labels, the file of decisions, and the page's server.

    Attributes:
        images: folder of the clicked images.
        proposals: the proposal store of the images.
        labels: file written by `sapnet label`; if it does not exist, it is written with `run`.
        out: file of the decisions, written or continued; by default `corrections.json` beside the
            labels.
        run: trained run or hub name; needed only if the labels do not exist yet.
        proposer: proposer for new clicks: "store" is the proposer of the store if it can propose
            for new clicks (`click`, `sam` and `regions`), else what "auto" takes: `sam` if its
            weights are in the hub's cache, else `click`.
        checkpoint: weights of `click` (a file) or of `sam` (a hub name or local folder); by default
            those of the store.
        device: device of the run and of `sam`: auto, cpu, cuda or mps.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
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
    max_pixels: int | None = None
    host: str = AnnotateConfig.host
    port: int = AnnotateConfig.port
    no_browser: bool = False

    def __post_init__(self) -> None:
        check_reading(None, self.max_pixels)
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: expected 0 to 65535, found {self.port}")

    @property
    def corrections_file(self) -> Path:
        """The file of decisions that is written."""
        return self.out or self.labels.parent / CORRECTIONS_NAME
