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
from sapnet.data.formats.origins import ORIGIN_FILE
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.formats.writers.several import (
    Exports,
    check_exports,
    check_formats,
    export_several,
)
from sapnet.data.image_files.depth import depth_line, find_depth
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.images import load_image, upright_size
from sapnet.network.compiling import compile_network
from sapnet.network.model import Network
from sapnet.network.origin import origin_of_network
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.records import result_records
from sapnet.prediction.segment import plan_batches, segment_images
from sapnet.prediction.sources import image_ids, opened_sources, picture_names
from sapnet.structures.left_out import LeftOutImage, UnusableImageError
from sapnet.system.files import write_json_atomic
from sapnet.system.lock import locked
from sapnet.system.parallel import map_ahead
from sapnet.system.progress import progress
from sapnet.system.written_files import (
    check_output,
    is_unfinished,
    record_written,
    remove_written,
)

if TYPE_CHECKING:
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
        self._names = [files.name(path) for path in files.paths]
        self._ids = image_ids(self._names)
        self._records: dict[int, list[dict[str, Any]]] = {}
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
        finish = _Finish(self._network, self._draw if self._pictures else None, cfg)
        on_error = self._leave_out if cfg.skip_errors else _stop
        plan = self._plan()
        total = len(self._files.paths)
        with ThreadPoolExecutor(cfg.workers) as pool, progress(total, "predict", "image") as count:
            dataset = ImageDataset(self._files.paths, self._augment)
            segmented = segment_images(
                self._network, dataset, plan, pool, ahead=cfg.workers, on_error=on_error
            )
            named = ((index, self._ids[index], self._names[index], p) for index, p in segmented)
            finished = map_ahead(pool, finish, named, ahead=cfg.workers)
            for index, found in finished:
                self._records[index] = found
                count(1)

    def _plan(self) -> list[tuple[int, ...]]:
        """Return the indices of the images of each batch."""
        paths = self._files.paths
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

    def _leave_out(self, index: int, error: Exception) -> None:
        self._errors[index] = str(error).removeprefix(f"{self._files.paths[index]}: ")

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
        results = [record for index in sorted(self._records) for record in self._records[index]]
        origin = {"chosen_by": "segmenter", **origin_of_network(self._network)}
        write_json_atomic(self._out / ORIGIN_FILE, origin)
        write_json_atomic(self._out / RESULTS, results)
        return len(results)

    def _draw(self, index: int, draw: Callable[[Any], Any]) -> None:
        """Write the picture of an image, read once more: none is kept while it waits."""
        target = self._pictures[index]
        target.parent.mkdir(parents=True, exist_ok=True)
        picture = draw(load_image(self._files.paths[index], self._augment.bits))
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


class _Finish:
    """The work that follows the network: records of an image, and its picture.

    Args:
        network: that predicted.
        draw: writes the picture of an image, given its index and a function of its pixels; None
            without pictures.
        cfg: thresholds.
    """

    def __init__(
        self,
        network: Predictor,
        draw: Callable[[int, Callable[[Any], Any]], None] | None,
        cfg: PredictionConfig,
    ) -> None:
        self._categories = network.categories
        self._draw, self._cfg = draw, cfg

    def __call__(
        self, segmented: tuple[int, int, str, Predictions]
    ) -> tuple[int, list[dict[str, Any]]]:
        """Make the records of an image and write its picture.

        Args:
            segmented: index, id and name of the image, and its predictions.

        Returns:
            The index and the records.
        """
        index, image_id, name, predictions = segmented
        if self._draw is not None:
            self._draw(index, self._picture_of(predictions))
        return index, result_records(
            predictions,
            self._categories,
            image_id,
            file_name=name,
            score_threshold=self._cfg.score_threshold,
        )

    def _picture_of(self, predictions: Predictions) -> Callable[[Any], Any]:
        """Return the function that draws predictions on the pixels of their image."""
        from PIL import Image

        from sapnet.prediction.detections import to_detections
        from sapnet.prediction.drawing import draw_predictions

        least = max(self._cfg.score_threshold, self._cfg.draw_threshold)
        detections = to_detections(predictions, self._categories, least)
        names = [category.name for category in self._categories]
        return lambda pixels: Image.fromarray(draw_predictions(pixels, detections, names))
