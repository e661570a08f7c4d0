"""`sapnet.segment_clicks`: masks for clicks on one image, without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np
import supervision as sv

from sapnet.api.clicks import (
    Boxes,
    Classes,
    Labels,
    NegativePoints,
    Points,
    find_labels,
    parse_boxes,
    parse_labels,
    parse_negative_points,
    parse_points,
)
from sapnet.api.network import open_network
from sapnet.api.options import ProposerOptions, check_names, fill
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.image_files.settings import check_reading
from sapnet.geometry.rle import decode_masks
from sapnet.prediction.detections import Detections
from sapnet.prediction.inputs import ImageInput, read_images
from sapnet.proposals.build import build_proposer
from sapnet.proposals.config import ProposeConfig, ProposerName
from sapnet.store.describe import describe_objects
from sapnet.structures.clicks import Click, ClickSet

if TYPE_CHECKING:
    from sapnet.network.model import Network
    from sapnet.proposals.proposer import Proposer
    from sapnet.store.reader import ProposalStore
    from sapnet.structures.proposals import StoredObject

OF_DATA_SETS = ("simulated", "file")
"""Proposers that look masks up by the objects of a data set: of no use for a single image."""

_IMAGE_ID = 1


class SegmentOptions(ProposerOptions, total=False):
    """Options of `segment_clicks`: further prompts, reading, and those of the proposers."""

    negative_points: NegativePoints
    boxes: Boxes
    bits: int | None
    bands: tuple[int, ...] | None
    max_pixels: int | None


@dataclass(frozen=True)
class _Choice:
    """The chosen candidate of each object (N,), and its score in [0, 1] (N,)."""

    index: tuple[int, ...]
    scores: tuple[float, ...]


def segment_clicks(
    image: ImageInput,
    points: Points,
    labels: Labels = None,
    proposer: ProposerName | Proposer = "auto",
    *,
    run: Path | str | Network | None = None,
    **options: Unpack[SegmentOptions],
) -> Detections:
    """Segment the clicked objects of one image.

    A proposer makes candidate masks for each click. Without `run`, the candidate with the best
    score of the proposer is taken, as by `sapnet label --top1`; with `run`, the trained network
    chooses, as by `sapnet label`.

    Args:
        image: a path, a URL, an image of Pillow, an array or a tensor; see `read_images`.
        points: (N, 2) x, y in pixels of the upright image, one click per object; or a sequence of
            N entries, each (x, y) or several (x, y) of one object.
        labels: the class of each object by name or by index; one label for all objects; or None.
            With `run` names and indices are those of the network, and None is for a network of one
            class alone.
        proposer: "click" (the embedded segmenter), "sam" or "regions", or a proposer that was built
            before; "auto" takes `sam` if its weights are in the hub's cache, else `click`. One that
            is built here is kept for the next call.
        run: run folder, USER/NAME on the hub, or a loaded network (load it once for many images).
        options: `negative_points`, for each object none or several (x, y) off it; `boxes`, for
            each object x1, y1, x2, y2 or None; `bits`, the bit depth of an image of more than 8
            bits, by default that of the run, else that of its largest value; `bands`, the numbers
            of the bands of an image file that are read, from 1 on, by default those of the run,
            else its own; `max_pixels`, the most pixels of an image, by default 179 million; and
            `num_proposals`, `checkpoint`, `device`, `precision` and `points_per_chunk` of
            `ProposeConfig`; `device` is that of the run, too.

    Returns:
        N detections in the order of the points, which draw themselves with `plot` and `save`:
        mask, xyxy, confidence, class_id (0 without labels), and in `data` the `class_name` if names
        are known.

    Raises:
        FileNotFoundError: the image, the run or a checkpoint is missing.
        TypeError: the image, the points or a label is of another kind, or an option is unknown.
        ValueError: a point lies outside the image, a box not round its point, a class is unknown,
            or a shape is wrong.
    """
    check_names("segment_clicks", options, SegmentOptions.__optional_keys__)
    network = None if run is None else open_network(run, options.get("device"))
    bits = options.get("bits") or (None if network is None else network.settings.augment.bits)
    trained = None if network is None else network.settings.augment.bands
    bands = tuple(options.get("bands") or trained or ())
    check_reading(bits, options.get("max_pixels"), bands)
    with allowing_pixels(options.get("max_pixels")):
        (pixels,) = read_images([image], bits, bands)
    size = (pixels.shape[0], pixels.shape[1])
    clicked = parse_points(points, size)
    classes = (
        parse_labels(labels, len(clicked))
        if network is None
        else find_labels(labels, len(clicked), network.categories)
    )
    if not clicked:
        return Detections.of(_join((), _Choice((), ()), classes, size, network), pixels)
    negative_points = parse_negative_points(options.get("negative_points"), len(clicked), size)
    boxes = parse_boxes(options.get("boxes"), clicked, size)
    clicks = [
        replace(click, negative_points=negative, box=box)
        for click, negative, box in zip(
            _clicks(clicked, classes, network), negative_points, boxes, strict=True
        )
    ]
    proposals = _proposer(proposer, options).propose(pixels, clicks)
    objects = describe_objects(clicks, proposals, size)
    choice = _best(objects) if network is None else _choose(network, pixels, objects, classes)
    return Detections.of(_join(objects, choice, classes, size, network), pixels)


def _proposer(proposer: ProposerName | Proposer, options: SegmentOptions) -> Proposer:
    """Return the given proposer, or build the one that is named."""
    if not isinstance(proposer, str):
        return proposer
    place: dict[str, Any] = dict.fromkeys(("images", "clicks", "out"), ".")
    settings = {k: v for k, v in options.items() if k in ProposerOptions.__optional_keys__}
    cfg = fill("segment_clicks", ProposeConfig, {**place, "proposer": proposer, **settings})
    if cfg.proposer in OF_DATA_SETS:
        raise ValueError(
            f"segment_clicks: proposer {cfg.proposer!r} looks masks up by the objects of a data "
            "set; choose another one, or use sapnet.propose"
        )
    return _built(cfg)


@lru_cache(maxsize=1)
def _built(cfg: ProposeConfig) -> Proposer:
    """Build a proposer; the last one is kept, since loading a checkpoint takes seconds."""
    return build_proposer(cfg, ClickSet((), (), ()))


def _clicks(
    clicked: Sequence[tuple[tuple[float, float], ...]], classes: Classes, network: Network | None
) -> list[Click]:
    """Make the clicks that the proposer is given."""
    ids = classes.index
    if network is not None:
        ids = tuple(network.categories[label].category_id for label in classes.index)
    return [
        Click(n, _IMAGE_ID, category_id, points)
        for n, (points, category_id) in enumerate(zip(clicked, ids, strict=True), start=1)
    ]


def _best(objects: Sequence[StoredObject]) -> _Choice:
    """Choose the candidates with the best own score of the proposer."""
    index = tuple(int(stored.proposals.scores.argmax()) for stored in objects)
    scores = [float(s.proposals.scores[k]) for s, k in zip(objects, index, strict=True)]
    return _Choice(index, tuple(scores))


def _choose(
    network: Network, pixels: np.ndarray, objects: Sequence[StoredObject], classes: Classes
) -> _Choice:
    """Choose the candidates with a network, the segmenter's vote included."""
    from sapnet.batches.augment import evaluation_view, view_content
    from sapnet.batches.collate import collate
    from sapnet.batches.sample import Sample
    from sapnet.batches.supervision import make_bags
    from sapnet.labelling.choosing import choose_labels
    from sapnet.network.model import evaluating

    view = evaluation_view((pixels.shape[0], pixels.shape[1]), network.settings.augment)
    bags = make_bags(objects, classes.index, view)
    sample = Sample(view_content(pixels, view), view, _IMAGE_ID, bags=bags)
    with evaluating(network):
        labels, selection, *_ = choose_labels(
            network, collate([sample]).to(network.device), cast("ProposalStore", _OneImage(objects))
        )
    index = tuple(label.index for label in labels)
    scores = selection.scores.float().cpu().numpy()
    return _Choice(index, tuple(float(scores[n, k]) for n, k in enumerate(index)))


class _OneImage:
    """Objects of one image, read as those of a store.

    Args:
        objects: with annotation ids from 1.
    """

    def __init__(self, objects: Sequence[StoredObject]) -> None:
        self._objects = list(objects)

    def find(self, annotation_id: int) -> StoredObject:
        """Return an object by its annotation id."""
        return self._objects[annotation_id - 1]

    def position_of(self, image_id: int) -> int:
        """Return the position of the image."""
        return image_id - _IMAGE_ID

    def objects_of_image(self, index: int) -> list[StoredObject]:
        """Return the objects of the image."""
        del index
        return self._objects


def _join(
    objects: Sequence[StoredObject],
    choice: _Choice,
    classes: Classes,
    size: tuple[int, int],
    network: Network | None,
) -> sv.Detections:
    """Make detections of the chosen candidates."""
    chosen = list(zip(objects, choice.index, strict=True))
    masks = decode_masks([stored.proposals.rles[k] for stored, k in chosen]).astype(bool)
    boxes = np.array([stored.proposals.boxes[k] for stored, k in chosen], np.float32)
    data = {}
    if classes.names is not None:
        data["class_name"] = np.array([classes.names[label] for label in classes.index], str)
    if network is not None:
        ids = [network.categories[label].category_id for label in classes.index]
        data["category_id"] = np.array(ids, int)
    return sv.Detections(
        xyxy=boxes.reshape(-1, 4),
        mask=masks.reshape(-1, *size),
        confidence=np.array(choice.scores, np.float32),
        class_id=np.array(classes.index, int),
        data=data,
    )
