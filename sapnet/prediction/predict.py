"""Prediction of many images: a COCO results file, pictures, and other formats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.batches.images import ImageDataset
from sapnet.batches.parts import parts_of
from sapnet.data.formats.readers.origins import ORIGIN_FILE
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.formats.writers.several import (
    Exports,
    check_exports,
    check_formats,
    export_several,
)
from sapnet.data.image_files.address import with_bands
from sapnet.data.image_files.depth import depth_line, find_depth
from sapnet.data.image_files.header import upright_size
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.images import load_image
from sapnet.data.tiles.seams import Piece
from sapnet.geometry.rle import to_rle
from sapnet.network.compiling import compile_network
from sapnet.network.model import Network
from sapnet.network.origin import origin_of_network
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.finish import Finish, Segmented
from sapnet.prediction.segment import plan_batches, segment_images
from sapnet.prediction.sources import image_ids, opened_sources, picture_names
from sapnet.prediction.windows.tiles import (
    Item,
    count_windows,
    draw_reduced,
    joined_records,
    plan_items,
)
from sapnet.structures.left_out import LeftOutImage, UnusableImageError
from sapnet.system.files import json_text, write_json_atomic, write_text_atomic
from sapnet.system.lock import locked
from sapnet.system.processes.parallel import map_ahead
from sapnet.system.progress import progress
from sapnet.system.written_files import (
    check_output,
    is_unfinished,
    record_written,
    remove_written,
)

if TYPE_CHECKING:
    from PIL import Image

    from sapnet.batches.config import AugmentConfig
    from sapnet.data.image_files.listing import ImageFiles
    from sapnet.prediction.predictor import Predictor
    from sapnet.structures.outputs import Predictions
    from sapnet.system.locations import Location

logger = logging.getLogger(__name__)

RESULTS, PICTURES, MASKS = "results.json", "pictures", "masks"
"""Names in the folder of predictions; the last one begins the names of other formats."""

_PICTURE_QUALITY = 90


@dataclass(frozen=True)
class PredictSummary:
    """Summary of a prediction.

    Attributes:
        results: the COCO results file.
        pictures: folder of the pictures; None without them.
        num_images: images that were segmented.
        num_instances: records of the results file.
        exports: masks written in other formats.
        left_out: images that cannot be read; empty unless skipping was requested.
    """

    results: Path
    pictures: Path | None
    num_images: int
    num_instances: int
    exports: Exports = field(default_factory=Exports)
    left_out: tuple[LeftOutImage, ...] = ()


def predict(
    network: Predictor,
    images: Location | Sequence[Location],
    out: Path | str,
    cfg: PredictionConfig | None = None,
) -> PredictSummary:
    """Segment many images and write a COCO results file and pictures.

    `origin.json` beside the results says which run they are of, its weights, and when.

    A record has the image's `file_name`, its path below the folder of images, besides its
    `image_id`. The id is the number in the file's name if all names are different numbers (as
    COCO's are), else the place in the list. A `category_name` stands beside the `category_id`.

    What the folders hold and is not read is logged in one line.

    Args:
        network: a trained network.
        images: a folder, a file or the URL of an image, or several of them.
        out: folder for `results.json` and `pictures/`; made if absent.
        cfg: thresholds, formats and speed; the defaults if None.

    Raises:
        FileNotFoundError: something named does not exist.
        FileExistsError: the folder holds earlier predictions, and `overwrite` is not set.
        ValueError: there are no images, one cannot be read, or the network has no segmenter. The
            results of the images before it are written first.
    """
    cfg, out = cfg or PredictionConfig(), Path(out)
    check_formats(cfg.format)
    network.check_segments()
    if cfg.compile and not isinstance(network, Network):
        raise ValueError("--compile is for runs: torch does not run this file. Leave it out")
    unfetched: list[LeftOutImage] = []
    with (
        locked(out),
        allowing_pixels(cfg.max_pixels),
        opened_sources(images, unfetched if cfg.skip_errors else None) as files,
    ):
        if line := files.left_out_line():
            logger.warning("%s", line)
        check_output(out, cfg.overwrite, (RESULTS, PICTURES))
        if is_unfinished(out):  # a stopped run may have written the other formats
            cfg = replace(cfg, overwrite=True)
        check_exports(cfg.format, out / MASKS, cfg)
        augment = replace(network.augment, bits=_bits(network, files, cfg))
        if cfg.compile and isinstance(network, Network):
            compile_network(network, network.device)
        remove_written(out)
        summary = _Prediction(network, files, out, augment, cfg).run()
    return replace(summary, left_out=(*summary.left_out, *unfetched))


def _bits(network: Predictor, files: ImageFiles, cfg: PredictionConfig) -> int | None:
    """Return the bit depth: as given, or that of the run, or that of the images."""
    given = cfg.bits or network.augment.bits
    bits = given or find_depth(files.paths)
    if cfg.bits is not None or given is None:
        line = depth_line(bits, cfg.bits is not None)
        if line:
            logger.info("%s", line)
    return bits


def _stop(index: int, error: Exception) -> None:
    del index
    raise UnusableImageError(str(error)) from error


class _Prediction:
    """One pass over the images.

    Args:
        network: that predicts.
        files: the images.
        out: folder of the results.
        augment: sizes of the input, and the bit depth.
        cfg: settings.
    """

    def __init__(
        self,
        network: Predictor,
        files: ImageFiles,
        out: Path,
        augment: AugmentConfig,
        cfg: PredictionConfig,
    ) -> None:
        self._network, self._files, self._out = network, files, out
        self._augment, self._cfg = augment, cfg
        parts = cfg.parts(parts_of(augment))
        automatic = cfg.tile is None and parts.tiling is None
        self._bands = parts.bands
        self._items = plan_items(files.paths, parts, automatic=automatic)
        self._waiting = count_windows(self._items)
        self._pieces: dict[int, list[Piece]] = {}
        self._names = [files.name(path) for path in files.paths]
        self._ids = image_ids(self._names)
        # Lines of the results file by image: as dictionaries, records take four times as much.
        self._records: dict[int, list[str]] = {}
        self._errors: dict[int, str] = {}
        self._pictures: dict[int, Path] = {}
        if not cfg.no_pictures:
            named = picture_names(self._names)
            self._pictures = {i: out / PICTURES / f"{name}.jpg" for i, name in enumerate(named)}

    def run(self) -> PredictSummary:
        """Predict all images, write everything, and return the summary."""
        planned = [self._out / RESULTS, self._out / ORIGIN_FILE, *self._pictures.values()]
        record_written(self._out, planned, finished=False)
        with self._keeping_results():
            self._segment()
        results = self._write_results()
        exports = self._export()
        record_written(self._out, planned, finished=True)
        return PredictSummary(
            self._out / RESULTS,
            self._out / PICTURES if self._pictures else None,
            len(self._records),
            results,
            exports,
            tuple(LeftOutImage(self._names[i], why) for i, why in sorted(self._errors.items())),
        )

    def _segment(self) -> None:
        cfg = self._cfg
        finish = Finish(self._network, self._draw if self._pictures else None, cfg)
        on_error = self._leave_out if cfg.skip_errors else _stop
        plan = self._plan()
        total, unit = len(self._items), "window" if self._waiting else "image"
        if self._waiting:
            logger.info("%d of %d images are read in windows", len(self._waiting), len(self._names))
        with ThreadPoolExecutor(cfg.workers) as pool, progress(total, "predict", unit) as count:
            dataset = ImageDataset([item.path for item in self._items], self._augment)
            segmented = segment_images(
                self._network, dataset, plan, pool, ahead=cfg.workers, on_error=on_error
            )
            named = (self._named(place, found) for place, found in segmented)
            for item, found in map_ahead(pool, finish, named, ahead=cfg.workers):
                if item.window is None:
                    self._records[item.index] = list(map(json_text, found))
                else:
                    self._add_window(item, found)
                count(1)

    def _named(self, place: int, predictions: Predictions) -> Segmented:
        item = self._items[place]
        return Segmented(item, self._ids[item.index], self._names[item.index], predictions)

    def _add_window(self, item: Item, pieces: list[Piece]) -> None:
        """Keep what was found in a window; join all of an image after its last one."""
        index = item.index
        if index in self._errors:
            return
        self._pieces.setdefault(index, []).extend(pieces)
        self._waiting[index] -= 1
        if self._waiting[index]:
            return
        records = joined_records(
            self._pieces.pop(index),
            item.size,
            self._network.categories,
            self._ids[index],
            self._names[index],
        )
        self._records[index] = list(map(json_text, records))
        if self._pictures:
            least = max(self._cfg.score_threshold, self._cfg.draw_threshold)
            shown = [r["segmentation"] for r in records if r["score"] >= least]
            path = with_bands(self._files.paths[index], self._bands)
            rles = [to_rle(segmentation, *item.size) for segmentation in shown]
            self._save(index, draw_reduced(path, item.size, rles, self._augment.bits))

    def _plan(self) -> list[tuple[int, ...]]:
        """Return the places in the list of items of each batch."""
        paths = [item.path for item in self._items]
        if self._cfg.batch_size == 1:
            return [(index,) for index in range(len(paths))]
        sizes: dict[int, tuple[int, int]] = {}
        for index, path in enumerate(paths):
            try:
                sizes[index] = upright_size(path)
            except (OSError, ValueError) as error:
                if not self._cfg.skip_errors:
                    _stop(index, error)
                self._leave_out(index, error)
        readable = list(sizes)
        batches = plan_batches(sizes.values(), self._augment, self._cfg.batch_size)
        return [tuple(readable[place] for place in batch) for batch in batches]

    def _leave_out(self, place: int, error: Exception) -> None:
        item = self._items[place]
        reason = str(error).removeprefix(f"{item.path}: ")
        self._errors[item.index] = reason.removeprefix(f"{self._files.paths[item.index]}: ")
        self._pieces.pop(item.index, None)

    @contextmanager
    def _keeping_results(self) -> Iterator[None]:
        """Write the results of the finished images if the pass is stopped."""
        try:
            yield
        except UnusableImageError as error:
            kept = ""
            if self._records:
                self._write_results()
                kept = f" The results of {len(self._records)} images are in {self._out / RESULTS}."
            raise ValueError(f"{error}{kept} --skip-errors leaves such images out.") from error
        except BaseException:
            if self._records:
                self._write_results()
            raise

    def _write_results(self) -> int:
        lines = [line for index in sorted(self._records) for line in self._records[index]]
        origin = {"chosen_by": "segmenter", **origin_of_network(self._network)}
        write_json_atomic(self._out / ORIGIN_FILE, origin)
        write_text_atomic(self._out / RESULTS, "[\n" + ",\n".join(lines) + "\n]\n")
        return len(lines)

    def _draw(self, index: int, draw: Callable[[Any], Any]) -> None:
        """Write the picture of an image, read once more: none is kept while it waits."""
        path = with_bands(self._files.paths[index], self._bands)
        self._save(index, draw(load_image(path, self._augment.bits)))

    def _save(self, index: int, picture: Image.Image) -> None:
        target = self._pictures[index]
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(target, quality=_PICTURE_QUALITY)

    def _export(self) -> Exports:
        """Write the masks of the results file in the other formats of the settings."""
        cfg = self._cfg
        if not cfg.format:
            return Exports()
        from sapnet.data.formats.writers.instances import instances_of_results

        images = {self._ids[index]: self._files.paths[index] for index in sorted(self._records)}
        instances = instances_of_results(
            self._out / RESULTS,
            images,
            self._files.root,
            self._network.categories,
            cfg.draw_threshold,
        )
        options = ExportOptions.of(cfg, self._files.root)
        return export_several(instances, cfg.format, self._out / MASKS, options)
