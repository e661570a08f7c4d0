"""Objects that a network sees on one image, as run lengths: whole, or joined from windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.batches.images import ImageDataset
from sapnet.batches.parts import parts_of
from sapnet.data.image_files.address import Window
from sapnet.data.image_files.depth import find_depth
from sapnet.data.tiles.seams import join_pieces
from sapnet.prediction.segment import segment_images
from sapnet.prediction.windows.tiles import pieces_of, plan_items
from sapnet.structures.outputs import FoundObjects

if TYPE_CHECKING:
    from sapnet.prediction.config import PredictionConfig
    from sapnet.prediction.predictor import Predictor


def find_objects(
    network: Predictor, paths: Sequence[Path], cfg: PredictionConfig
) -> Iterator[FoundObjects]:
    """Segment image files one after the other, large ones window by window.

    Args:
        network: a trained network with a segmenter.
        paths: the files.
        cfg: `score_threshold`, `bits`, `tile`, `overlap` and `bands` are used.

    Yields:
        The objects of each image, in the order of the files.

    Raises:
        FileNotFoundError, ValueError: a file is missing or cannot be read, or the network has no
            segmenter.
    """
    network.check_segments()
    parts = cfg.parts(parts_of(network.augment))
    bits = cfg.bits or network.augment.bits or find_depth(paths)
    augment = replace(network.augment, bits=bits)
    items = plan_items(paths, parts, automatic=cfg.tile is None and parts.tiling is None)
    for index in range(len(paths)):
        own = [item for item in items if item.index == index]
        dataset = ImageDataset([item.path for item in own], augment)
        windows = [item.window for item in own if item.window is not None]
        yield segment_parts(network, dataset, windows, own[0].size, cfg)


def segment_parts(
    network: Predictor,
    dataset: ImageDataset,
    windows: Sequence[Window],
    size: tuple[int, int],
    cfg: PredictionConfig,
) -> FoundObjects:
    """Segment the windows of one image, and join what they show.

    Args:
        network: a trained network with a segmenter.
        dataset: the windows, or the one whole image.
        windows: their places; empty for a whole image.
        size: (height, width) of the image that windows are of.
        cfg: `score_threshold` is used.
    """
    plan = [(place,) for place in range(len(dataset))]
    pieces = []
    for place, predictions in segment_images(network, dataset, plan):
        height, width = predictions.masks.shape[1:]
        window = windows[place] if windows else Window(0, 0, width, height)
        pieces += pieces_of(predictions, window, cfg.score_threshold)
        size = size if windows else (height, width)
    joined = (
        join_pieces(pieces, size) if windows else [(n, one.rle) for n, one in enumerate(pieces)]
    )
    return FoundObjects(
        tuple(rle for _, rle in joined),
        tuple(pieces[index].label for index, _ in joined),
        tuple(pieces[index].score for index, _ in joined),
    )
