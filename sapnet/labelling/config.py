"""Settings of `sapnet label`; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sapnet.data.formats.writers.files import ExportOptions


@dataclass(frozen=True)
class LabelConfig:
    """Settings of `sapnet label`.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        top1: take the proposal with the proposer's best own score, instead of a run's choice: the
            baseline of training.
        corrections: file of `sapnet review`; its masks are the labels, deleted objects get none.
        candidates: also write every candidate with its scores.
        batch_size: images at a time.
        format: further formats of the masks, each written beside the json file.
        simplify: greatest distance in pixels between a polygon and the outline of its mask; 0 keeps
            every corner.
        url_prefix: prefix of the images' addresses in Label Studio.
        workers: processes that load images.
    """

    device: str = "auto"
    top1: bool = False
    corrections: Path | None = None
    candidates: bool = False
    batch_size: int = 4
    format: tuple[str, ...] = ()
    simplify: float = ExportOptions.simplify
    url_prefix: str = ExportOptions.url_prefix
    workers: int = 2

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.workers < 0:
            raise ValueError(
                "expected batch_size of at least 1 and workers of 0 or more, found "
                f"{self.batch_size} and {self.workers}"
            )
