"""`sapnet.train_proposer`: train or fine-tune the click segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from sapnet.api.options import fill
from sapnet.teaching.options import TrainProposerConfig

if TYPE_CHECKING:
    from sapnet.teaching.run import TaughtSummary


class TrainProposerOptions(TypedDict, total=False):
    """Options of `sapnet train-proposer` that are not required, see `TrainProposerConfig`."""

    images: Path | str | None
    run: Path | str | None
    minutes: float | None
    steps: int | None
    seed: int
    licence: str | None
    device: str
    threads: int | None
    bits: int | None
    bands: tuple[int, ...] | None
    max_pixels: int | None


def train_proposer(
    data: Sequence[Path | str] | Path | str,
    out: Path | str,
    start: Path | str = TrainProposerConfig.start,
    **options: Unpack[TrainProposerOptions],
) -> TaughtSummary:
    """Train or fine-tune the click segmenter, as `sapnet train-proposer`.

    Args:
        data: folders or files of images with masks; see `TrainProposerConfig`.
        out: file of the weights.
        start: `--from` of the command: "imagenet", or "embedded" or a file of weights to
            fine-tune.
        options: those of `TrainProposerConfig`, which has the defaults.

    Raises:
        FileNotFoundError: data or weights are missing.
        TypeError: an option is unknown.
        ValueError: data or settings are wrong, or the run folder holds another training.
    """
    from sapnet.teaching.run import train_proposer as train_weights

    named = [data] if isinstance(data, str | Path) else list(data)
    values = {"data": [str(entry) for entry in named], "out": out, "start": str(start), **options}
    return train_weights(fill("train_proposer", TrainProposerConfig, values))
