"""The work on an image that follows the network: records and pictures, or masks to join."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sapnet.prediction.records import result_records
from sapnet.prediction.windows.tiles import Item, pieces_of

if TYPE_CHECKING:
    from sapnet.prediction.config import PredictionConfig
    from sapnet.prediction.predictor import Predictor
    from sapnet.structures.outputs import Predictions


@dataclass(frozen=True)
class Segmented:
    """Predictions of an image or a window, with id and name of the image."""

    item: Item
    image_id: int
    name: str
    predictions: Predictions


class Finish:
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

    def __call__(self, segmented: Segmented) -> tuple[Item, list[Any]]:
        """Make the records of an image and write its picture; of a window, make its pieces.

        Args:
            segmented: what the network found.

        Returns:
            The item, and records or pieces.
        """
        item, predictions = segmented.item, segmented.predictions
        if item.window is not None:
            return item, pieces_of(predictions, item.window, self._cfg.score_threshold)
        if self._draw is not None:
            self._draw(item.index, self._picture_of(predictions))
        return item, result_records(
            predictions,
            self._categories,
            segmented.image_id,
            file_name=segmented.name,
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
