"""Using a trained network: masks for clicks, and instances on new images."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sapnet.ahead import map_ahead
from sapnet.data.coco_json import frame_records, label_of_category
from sapnet.data.images import list_images, load_image
from sapnet.detections import to_detections
from sapnet.files import write_json_atomic
from sapnet.geometry.rle import encode_masks, rle_areas, rle_to_json
from sapnet.label_records import label_records, top1_record, with_boxes
from sapnet.model import SAPNet, evaluating
from sapnet.segmenter_vote import ask_segmenter
from sapnet.uncertainty import ChosenLabel, chosen_labels, uncertainty

if TYPE_CHECKING:
    import supervision as sv

    from sapnet.proposals.store import ProposalStore
    from sapnet.structures import Batch, Category, Predictions, Selection

logger = logging.getLogger(__name__)


def load_model(run: Path | str, device: str = "auto") -> SAPNet:
    """The trained network of a run folder or of a hub name, in evaluation mode.

    Args:
        run: folder written by `sapnet train` (or `save_pretrained`), or a hub name.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        FileNotFoundError: the folder holds no trained network.
        ValueError: the device is absent.
    """
    from sapnet.device import choose_device

    folder = Path(run)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"{folder}: no trained network here (config.json is missing); `sapnet train --out "
            f"{folder}` writes one after its first epoch"
        )
    if not folder.is_dir() and (folder.is_absolute() or str(run).count("/") != 1):
        raise FileNotFoundError(f"{folder}: no such run folder")
    try:
        model: SAPNet = SAPNet.from_pretrained(str(run))
    except OSError as error:
        if folder.is_dir():
            raise
        raise FileNotFoundError(
            f"{run}: no run folder of that name here, and no such network on the hub or in its "
            f"cache ({error})"
        ) from error
    return model.to(choose_device(device)).eval()


@dataclass(frozen=True)
class PredictSummary:
    """What `predict` wrote: the results file, the pictures' folder (or None) and counts."""

    results: Path
    pictures: Path | None
    num_images: int
    num_instances: int


def predict(
    model: SAPNet,
    images: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    score_threshold: float = 0.0,
    draw_threshold: float = 0.3,
    draw: bool = True,
    workers: int = 4,
) -> PredictSummary:
    """Instances of many images: a COCO results file and pictures.

    The records carry the image's `file_name` besides its `image_id`. The id is the number in the
    file's name where all names are different numbers (as COCO's are), else the place in the list.

    Args:
        model: a trained network.
        images: a folder, a file, or files.
        out: folder for `results.json` and `pictures/`; made if absent.
        score_threshold: least score of a record.
        draw_threshold: least score of an instance drawn on a picture.
        draw: whether pictures are written.
        workers: threads that read images, encode masks and write pictures while the network works
            on others.

    Raises:
        ValueError: no worker.
    """
    from tqdm import tqdm

    if workers < 1:
        raise ValueError(f"workers: expected at least 1, found {workers}")
    paths = list_images(images)
    out = Path(out)
    pictures = out / "pictures" if draw else None
    (pictures or out).mkdir(parents=True, exist_ok=True)
    finish = partial(
        _finish_image,
        categories=model.categories,
        score_threshold=score_threshold,
        draw_threshold=draw_threshold,
    )
    picture_paths = [pictures and pictures / f"{name}.jpg" for name in _unique_names(paths)]
    targets = zip(paths, image_ids(paths), picture_paths, strict=True)
    records: list[dict[str, Any]] = []
    with ThreadPoolExecutor(workers) as pool:
        loaded = map_ahead(pool, load_image, paths, ahead=workers)
        segmented = (
            _Segmented(pixels, model.segment_pixels(pixels), *target)
            for pixels, target in zip(loaded, targets, strict=True)
        )
        finished = map_ahead(pool, finish, segmented, ahead=workers)
        for found in tqdm(finished, total=len(paths), desc="predict", unit="image"):
            records += found
    write_json_atomic(out / "results.json", records)
    return PredictSummary(out / "results.json", pictures, len(paths), len(records))


@dataclass(frozen=True)
class _Segmented:
    """An image with its instances, and where its records and its picture belong."""

    pixels: np.ndarray
    predictions: Predictions
    path: Path
    image_id: int
    picture: Path | None


def _finish_image(
    image: _Segmented,
    categories: tuple[Category, ...],
    score_threshold: float,
    draw_threshold: float,
) -> list[dict[str, Any]]:
    """Records of one image; draws its picture where one is asked for."""
    from PIL import Image

    from sapnet.drawing import draw_predictions

    detections = to_detections(image.predictions, categories, score_threshold)
    if image.picture is not None:
        kept = detections[detections.confidence >= draw_threshold]
        drawn = draw_predictions(image.pixels, kept, [category.name for category in categories])
        Image.fromarray(drawn).save(image.picture, quality=90)
    return list(_result_records(detections, image.image_id, image.path.name))


def image_ids(paths: Sequence[Path]) -> list[int]:
    """Ids of images in results: the numbers that they are named by, else their places from 1.

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
    """A picture's name per image: its stem, with the place in the list where stems repeat."""
    counts = Counter(path.stem for path in paths)
    return [
        path.stem if counts[path.stem] == 1 else f"{path.stem}-{place}"
        for place, path in enumerate(paths, start=1)
    ]


def _result_records(
    detections: sv.Detections, image_id: int, file_name: str
) -> Iterator[dict[str, Any]]:
    if len(detections) == 0:
        return
    rles = encode_masks(detections.mask)
    for place, (rle, area) in enumerate(zip(rles, rle_areas(rles), strict=True)):
        if area == 0:  # a mask may vanish when it is resized to the original
            continue
        x1, y1, x2, y2 = detections.xyxy[place].tolist()
        yield {
            "image_id": image_id,
            "file_name": file_name,
            "category_id": int(detections.data["category_id"][place]),
            "segmentation": rle_to_json(rle),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": float(detections.confidence[place]),
        }


@dataclass(frozen=True)
class LabelSummary:
    """What `label` wrote.

    Attributes:
        labels: the file.
        num_images: images it lists.
        num_objects: masks, one per clicked object.
        num_without: clicked objects without any proposal, hence without a mask.
    """

    labels: Path
    num_images: int
    num_objects: int
    num_without: int


def label(
    model: SAPNet,
    images: Path | str,
    store: ProposalStore,
    out: Path | str,
    *,
    with_candidates: bool = False,
    batch_size: int = 4,
    workers: int = 2,
) -> LabelSummary:
    """A mask for each click: COCO instance json of the chosen proposals, original frame.

    Each comes with an `uncertainty`, higher where it is more likely wrong.

    Args:
        model: a trained network.
        images: folder of the clicked images.
        store: their proposals.
        out: the json file.
        with_candidates: also write all candidates of each object with their selection scores.
        batch_size: images at a time.
        workers: processes that load images.

    Raises:
        ValueError: the store has categories that the model does not know.
    """
    from tqdm import tqdm

    from sapnet.data.dataset import ClickDataset, DatasetConfig
    from sapnet.data.loader import build_loader

    with_model_labels = label_translation(model, store)
    data_cfg = DatasetConfig(augment=model.settings.augment)
    dataset = ClickDataset(images, store, data_cfg, train=False)
    loader = build_loader(dataset, batch_size, workers=workers)
    annotations: list[dict[str, Any]] = []
    with evaluating(model), tqdm(total=store.num_images, desc="label", unit="image") as bar:
        for batch in loader:
            moved = with_model_labels(batch.to(model.device))
            if moved.bags is not None:
                labels, chosen, instances = choose_labels(model, moved, store)
                cfg = model.settings.selection
                doubts = uncertainty(labels, moved.bags, chosen, instances, cfg)
                records = label_records(labels, chosen, doubts, with_candidates)
                annotations += with_boxes(records, moved, chosen) if with_candidates else records
            bar.update(len(batch.image_ids))
    return _write_labels(out, store, annotations)


@torch.no_grad()
def choose_labels(
    model: SAPNet, batch: Batch, store: ProposalStore
) -> tuple[list[ChosenLabel], Selection, list[Predictions] | None]:
    """What is chosen for the clicks of a batch, the segmenter's vote included.

    Args:
        model: a trained network.
        batch: images with bags, labels as the network counts them.
        store: the store the bags were made of.

    Returns:
        N labels, the selection that made them, and what the segmenter finds in each image; None
        without a segmenter.

    Raises:
        ValueError: the batch has no bags.
    """
    if batch.bags is None:
        raise ValueError("expected a batch with bags, found none")
    if model.segmentation is None:
        selection = model.select(batch)
        return chosen_labels(batch.bags, selection, store), selection, None
    selection, instances = model.select_and_segment(batch)
    labels = chosen_labels(batch.bags, selection, store)
    cfg = model.settings.selection
    if cfg.consensus.enabled:
        labels, selection = ask_segmenter(labels, batch.bags, selection, instances, cfg)
    return labels, selection, instances


def label_top1(
    store: ProposalStore, out: Path | str, *, with_candidates: bool = False
) -> LabelSummary:
    """The proposer's own favourite for each click, in the form of `label`; no network is needed.

    This is what training has to beat. The `uncertainty` is one minus the proposer's score.

    Args:
        store: the proposals.
        out: the json file.
        with_candidates: also write all candidates of each object with their scores.
    """
    objects = (stored for i in range(store.num_images) for stored in store.objects_of_image(i))
    annotations = [
        top1_record(stored, with_candidates) for stored in objects if len(stored.proposals)
    ]
    return _write_labels(out, store, annotations)


def _write_labels(
    out: Path | str, store: ProposalStore, annotations: list[dict[str, Any]]
) -> LabelSummary:
    content = {
        **frame_records(store.images, store.categories),
        "annotations": annotations,
    }
    path = write_json_atomic(Path(out), content)
    num_clicked = int(store.num_objects_of_image.sum())
    return LabelSummary(path, store.num_images, len(annotations), num_clicked - len(annotations))


def label_translation(model: SAPNet, store: ProposalStore) -> Callable[[Batch], Batch]:
    """A function that turns a batch's labels, which count the store's categories, into the model's.

    Raises:
        ValueError: the store has categories that the model does not know.
    """
    label_of_id = {category.category_id: i for i, category in enumerate(model.categories)}
    unknown = [c for c in store.categories if c.category_id not in label_of_id]
    if unknown:
        names = ", ".join(f"{c.name} ({c.category_id})" for c in unknown[:5])
        raise ValueError(
            f"{store.path}: {len(unknown)} categories that the model was not trained on: {names}. "
            "Label with a model trained on these clicks"
        )
    stored_ids = label_of_category(store.categories)  # in the order of the labels
    labels = torch.tensor([label_of_id[i] for i in stored_ids], device=model.device)

    def translate(batch: Batch) -> Batch:
        if batch.bags is None:
            return batch
        return replace(batch, bags=replace(batch.bags, labels=labels[batch.bags.labels]))

    return translate
