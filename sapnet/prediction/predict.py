"""Prediction of many images: a COCO results file, pictures, and other formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.batches.images import ImageDataset
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.formats.writers.several import Exports, check_formats, export_several
from sapnet.data.images import list_images, load_image, upright_size
from sapnet.network.compiling import compile_network
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.records import result_records
from sapnet.prediction.segment import plan_batches, segment_images
from sapnet.system.files import write_json_atomic
from sapnet.system.parallel import map_ahead

if TYPE_CHECKING:
    from sapnet.network.model import Network
    from sapnet.structures.outputs import Predictions

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
    """

    results: Path
    pictures: Path | None
    num_images: int
    num_instances: int
    exports: Exports = field(default_factory=Exports)


def predict(
    network: Network,
    images: Path | str | Sequence[Path | str],
    out: Path | str,
    cfg: PredictionConfig | None = None,
) -> PredictSummary:
    """Segment many images and write a COCO results file and pictures.

    A record has the image's `file_name` besides its `image_id`. The id is the number in the file's
    name if all names are different numbers (as COCO's are), else the place in the list.

    Args:
        network: a trained network.
        images: a folder, a file, or several of them.
        out: folder for `results.json` and `pictures/`; made if absent.
        cfg: thresholds, formats and speed; the defaults if None.

    Raises:
        FileNotFoundError: something named does not exist.
        ValueError: there are no images, one cannot be read, or the network has no segmenter.
    """
    from tqdm import tqdm

    cfg = cfg or PredictionConfig()
    check_formats(cfg.format)
    paths = list_images(images)
    if cfg.compile:
        compile_network(network, network.device)
    out = Path(out)
    pictures = None if cfg.no_pictures else out / PICTURES
    (pictures or out).mkdir(parents=True, exist_ok=True)
    augment, ids = network.settings.augment, image_ids(paths)
    plan: list[tuple[int, ...]] = [(index,) for index in range(len(paths))]
    if cfg.batch_size > 1:
        plan = plan_batches((upright_size(path) for path in paths), augment, cfg.batch_size)
    finish = _Finish(network, paths, ids, pictures, cfg)
    records: dict[int, list[dict[str, Any]]] = {}
    with ThreadPoolExecutor(cfg.workers) as pool:
        dataset = ImageDataset(paths, augment)
        segmented = segment_images(network, dataset, plan, pool, ahead=cfg.workers)
        finished = map_ahead(pool, finish, segmented, ahead=cfg.workers)
        for index, found in tqdm(finished, total=len(paths), desc="predict", unit="image"):
            records[index] = found
    results = [record for index in range(len(paths)) for record in records[index]]
    write_json_atomic(out / RESULTS, results)
    exports = _export(out, dict(zip(ids, paths, strict=True)), network, cfg)
    return PredictSummary(out / RESULTS, pictures, len(paths), len(results), exports)


class _Finish:
    """The work that follows the network: records of an image, and its picture.

    Args:
        network: that predicted.
        paths: all images.
        ids: their ids.
        pictures: folder of the pictures; None without them.
        cfg: thresholds.
    """

    def __init__(
        self,
        network: Network,
        paths: Sequence[Path],
        ids: Sequence[int],
        pictures: Path | None,
        cfg: PredictionConfig,
    ) -> None:
        self._categories = network.categories
        self._category_ids = [category.category_id for category in network.categories]
        self._paths, self._ids, self._cfg = paths, ids, cfg
        self._pictures = pictures
        self._names = _unique_names(paths)

    def __call__(self, segmented: tuple[int, Predictions]) -> tuple[int, list[dict[str, Any]]]:
        """Make the records of an image and write its picture.

        Args:
            segmented: index of the image, and its predictions.

        Returns:
            The index and the records.
        """
        index, predictions = segmented
        if self._pictures is not None:
            self._draw(index, predictions, self._pictures)
        return index, result_records(
            predictions,
            self._category_ids,
            self._ids[index],
            file_name=self._paths[index].name,
            score_threshold=self._cfg.score_threshold,
        )

    def _draw(self, index: int, predictions: Predictions, folder: Path) -> None:
        from PIL import Image

        from sapnet.prediction.detections import to_detections
        from sapnet.prediction.drawing import draw_predictions

        least = max(self._cfg.score_threshold, self._cfg.draw_threshold)
        detections = to_detections(predictions, self._categories, least)
        # Read once more, in this thread: no image is kept while it waits for the network.
        pixels = load_image(self._paths[index])
        names = [category.name for category in self._categories]
        picture = Image.fromarray(draw_predictions(pixels, detections, names))
        picture.save(folder / f"{self._names[index]}.jpg", quality=_PICTURE_QUALITY)


def _export(out: Path, images: dict[int, Path], network: Network, cfg: PredictionConfig) -> Exports:
    """Write the masks of the results file in the other formats of the settings."""
    if not cfg.format:
        return Exports()
    from sapnet.data.formats.writers.instances import instances_of_results

    instances, folder = instances_of_results(
        out / RESULTS, images, network.categories, cfg.draw_threshold
    )
    options = ExportOptions(folder, cfg.simplify, cfg.url_prefix)
    return export_several(instances, cfg.format, out / MASKS, options)


def image_ids(paths: Sequence[Path]) -> list[int]:
    """Return the ids of images: the numbers in their names, else their places from 1.

    Args:
        paths: all images, in the order in which they are predicted.

    Returns:
        One id per image, no two alike.
    """
    stems = [path.stem for path in paths]
    if all(stem.isascii() and stem.isdigit() for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(paths) + 1))


def _unique_names(paths: Sequence[Path]) -> list[str]:
    """Name the picture of each image: its stem, with its place in the list where stems repeat."""
    counts = Counter(path.stem for path in paths)
    return [
        path.stem if counts[path.stem] == 1 else f"{path.stem}-{place}"
        for place, path in enumerate(paths, start=1)
    ]
