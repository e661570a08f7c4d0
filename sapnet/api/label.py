"""`sapnet.label`: a mask for each click, written to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from sapnet.api.network import open_network
from sapnet.api.options import fill
from sapnet.data.corrections import load_corrections
from sapnet.data.formats.writers.several import Exports, check_exports
from sapnet.labelling.config import LabelConfig
from sapnet.structures.left_out import LeftOutImage
from sapnet.system.locations import Location

if TYPE_CHECKING:
    from sapnet.data.choices import ImagesAs
    from sapnet.network.model import Network


class LabelOptions(TypedDict, total=False):
    """Options of `sapnet label` that are not required, see `LabelConfig`."""

    device: str
    top1: bool
    voter: Path | str | None
    corrections: Path | str | None
    candidates: bool
    batch_size: int
    format: Sequence[str]
    simplify: float
    url_prefix: str
    images_as: ImagesAs
    split: str | None
    split_seed: int
    group_by: str | None
    workers: int
    skip_errors: bool
    overwrite: bool
    bits: int | None
    max_pixels: int | None


@dataclass(frozen=True)
class LabelOutputs:
    """Files that `label` wrote.

    Attributes:
        labels: the file of labels.
        num_images: images that it lists.
        num_objects: masks, one per clicked object.
        num_without: clicked objects without any proposal, hence without a mask.
        exports: masks written in other formats.
        left_out: images that cannot be read; empty unless skipping was requested.
    """

    labels: Path
    num_images: int
    num_objects: int
    num_without: int
    exports: Exports = field(default_factory=Exports)
    left_out: tuple[LeftOutImage, ...] = ()


def label(
    images: Path | str,
    proposals: Location,
    out: Path | str,
    *,
    run: Path | str | Network | None = None,
    **options: Unpack[LabelOptions],
) -> LabelOutputs:
    """Write a mask for each click, as `sapnet label`.

    Args:
        images: folder of the clicked images.
        proposals: their store, made by `propose`.
        out: COCO instance json to write.
        run: whose selection chooses: a run folder, USER/NAME on the hub, or a loaded network. None
            only with `top1=True`.
        options: those of `LabelConfig`, which has the defaults.

    Raises:
        FileNotFoundError: a file is missing.
        TypeError: an option is unknown.
        ValueError: a wrong setting, neither `run` nor `top1` or both, or categories that the
            network was not trained on.
    """
    from sapnet.labelling.label import label as label_store
    from sapnet.labelling.label import label_top1
    from sapnet.store.views.corrected import open_corrected

    cfg = fill("label", LabelConfig, options)
    if (run is None) != cfg.top1:
        raise ValueError("label: expected either run=RUN or top1=True")
    check_exports(cfg.format, Path(out).with_suffix(""), cfg)
    if cfg.top1 and cfg.voter is not None:
        raise ValueError("label: voter votes on the choice of a run, and top1 has none")
    corrections = None if cfg.corrections is None else load_corrections(cfg.corrections)
    store = open_corrected(proposals, corrections)
    if run is None:
        summary = label_top1(store, out, with_candidates=cfg.candidates)
    else:
        summary = label_store(open_network(run, cfg.device), images, store, out, cfg)
    exports = _export(summary.labels, Path(images), cfg)
    counts = (summary.num_images, summary.num_objects, summary.num_without)
    return LabelOutputs(summary.labels, *counts, exports, summary.left_out)


def _export(labels: Path, images: Path, cfg: LabelConfig) -> Exports:
    """Write the labels in the other formats of the settings, beside the file."""
    if not cfg.format:
        return Exports()
    from sapnet.data.coco import load_instances
    from sapnet.data.formats.writers.files import ExportOptions
    from sapnet.data.formats.writers.several import export_several

    options = ExportOptions.of(cfg, images)
    return export_several(load_instances(labels), cfg.format, labels.with_suffix(""), options)
