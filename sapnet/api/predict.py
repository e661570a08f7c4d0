"""`sapnet.predict`: instances of new images, written to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sapnet.api.network import open_network
from sapnet.api.options import check_names, fill
from sapnet.prediction.config import PredictionConfig
from sapnet.system.locations import Location

if TYPE_CHECKING:
    from sapnet.data.choices import ImagesAs
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
    images_as: ImagesAs
    split: str | None
    split_seed: int
    group_by: str | None
    no_pictures: bool
    compile: bool
    workers: int
    skip_errors: bool
    overwrite: bool
    bits: int | None
    max_pixels: int | None
    tile: int | None
    overlap: int | None
    bands: tuple[int, ...] | None
    batch_size: int


def predict(
    run: Path | str | Network,
    images: Location | Sequence[Location],
    out: Path | str,
    **options: Unpack[PredictOptions],
) -> PredictSummary:
    """Segment new images and write results and pictures, as `sapnet predict`.

    `SAPNet.predict` segments images in memory.

    Args:
        run: run folder, USER/NAME on the hub, or a loaded network.
        images: a folder, an image file or its URL, or a list of these.
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
