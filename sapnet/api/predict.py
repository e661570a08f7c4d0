"""`sapnet.predict`: instances of new images, written to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sapnet.api.options import check_names, fill
from sapnet.prediction.config import PredictionConfig

if TYPE_CHECKING:
    from sapnet.network.model import Network
    from sapnet.prediction.predict import PredictSummary


class PredictOptions(TypedDict, total=False):
    """Options of `sapnet predict` that are not required, see `PredictionConfig`."""

    device: str
    score_threshold: float
    draw_threshold: float
    format: Sequence[str]
    simplify: float
    url_prefix: str
    no_pictures: bool
    compile: bool
    workers: int
    batch_size: int


def predict(
    run: Path | str | Network,
    images: Path | str | Sequence[Path | str],
    out: Path | str,
    **options: Unpack[PredictOptions],
) -> PredictSummary:
    """Segment new images and write results and pictures, as `sapnet predict`.

    `SAPNet.predict` segments images in memory.

    Args:
        run: run folder, USER/NAME on the hub, or a loaded network.
        images: a folder, an image file, or a list of these.
        out: folder for `results.json` and `pictures/`; made if absent.
        options: those of `PredictionConfig`, which has the defaults, and `device` ("auto", "cpu",
            "cuda", "cuda:N" or "mps"; "auto" by default; a loaded network stays where it is).

    Raises:
        FileNotFoundError: the run or an image is missing.
        TypeError: an option is unknown.
        ValueError: a wrong setting or image, an absent device, or a network without a segmenter.
    """
    from sapnet.prediction.predict import predict as predict_files

    check_names("predict", options, PredictOptions.__optional_keys__)
    values: dict[str, Any] = dict(options)
    device = values.pop("device", None)
    cfg = fill("predict", PredictionConfig, values)
    return predict_files(open_network(run, device), images, out, cfg)


def open_network(run: Path | str | Network, device: str | None) -> Network:
    """Load the network of a run; a loaded one is returned as it is.

    Args:
        run: run folder, USER/NAME on the hub, or a loaded network.
        device: as for `load_model`; None for its default.
    """
    from sapnet.network.loading import load_model
    from sapnet.network.model import Network

    if isinstance(run, Network):
        return run
    return load_model(run) if device is None else load_model(run, device)
