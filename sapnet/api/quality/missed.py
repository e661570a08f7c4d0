"""`sapnet.missed`: objects that were probably not clicked, written as a clicks file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sapnet.api.network import open_network
from sapnet.api.options import check_names, fill
from sapnet.labelling.config import MissedConfig

if TYPE_CHECKING:
    from sapnet.network.model import Network
    from sapnet.pipeline.missed import MissedSummary


class MissedOptions(TypedDict, total=False):
    """Options of `sapnet missed` that are not required, see `MissedConfig`."""

    device: str
    min_score: float
    bits: int | None
    max_pixels: int | None
    tile: int | None
    overlap: int | None
    bands: tuple[int, ...] | None


def missed(
    run: Path | str | Network,
    labels: Path | str | None = None,
    images: Path | str | None = None,
    out: Path | str | None = None,
    **options: Unpack[MissedOptions],
) -> MissedSummary:
    """List objects that were probably not clicked, as `sapnet missed`.

    Args:
        run: run folder, USER/NAME on the hub, or a loaded network.
        labels: file of `label`; None for `labels.json` of a run folder.
        images: folder of the labelled images; None for that of a run folder.
        out: clicks file to write, the most likely object first; None for `missed.json` beside the
            labels.
        options: those of `MissedConfig`, which has the defaults, and `device` ("auto", "cpu",
            "cuda", "cuda:N" or "mps"; a loaded network stays where it is).

    Raises:
        FileNotFoundError: the run, the labels or an image is missing.
        TypeError: an option is unknown.
        ValueError: a wrong setting, images that are not known, a network without a segmenter, or
            categories that are not those of the labels.
    """
    from sapnet.pipeline.missed import list_missed

    check_names("missed", options, MissedOptions.__optional_keys__)
    values: dict[str, Any] = dict(options)
    device = values.pop("device", None)
    cfg = fill("missed", MissedConfig, values)
    network = open_network(run, device)
    folder = run if isinstance(run, Path | str) else network.source or ""
    given = [None if path is None else Path(path) for path in (labels, images, out)]
    return list_missed(folder, network, given[0], given[1], given[2], cfg)
