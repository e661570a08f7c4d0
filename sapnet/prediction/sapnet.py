"""SAPNet, the trained network that users load and call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from sapnet.batches.images import ImageDataset
from sapnet.network.model import CODERS, Network
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.inputs import ImageInput, read_images
from sapnet.prediction.segment import plan_batches, segment_images

if TYPE_CHECKING:
    import numpy as np

    from sapnet.prediction.detections import Detections


class SAPNet(Network, coders=CODERS):
    """A trained instance segmenter.

    `SAPNet.from_pretrained(run)` loads a run folder or a network on the hub; `predict` segments
    images. Everything else is as in `Network`, with the same weights and files.
    """

    @overload
    def predict(
        self,
        image: ImageInput,
        *,
        score_threshold: float = ...,
        batch_size: int = ...,
        bits: int | None = ...,
    ) -> Detections: ...

    @overload
    def predict(
        self,
        image: Sequence[ImageInput],
        *,
        score_threshold: float = ...,
        batch_size: int = ...,
        bits: int | None = ...,
    ) -> list[Detections]: ...

    def predict(
        self,
        image: ImageInput | Sequence[ImageInput],
        *,
        score_threshold: float = PredictionConfig.score_threshold,
        batch_size: int = PredictionConfig.batch_size,
        bits: int | None = PredictionConfig.bits,
    ) -> Detections | list[Detections]:
        """Segment an image, or several.

        Args:
            image: a path, a URL, an image of Pillow, an array or a tensor (see `read_images`), or a
                list or tuple of these.
            score_threshold: least score of an instance that is returned.
            batch_size: most images that pass the network together, see `PredictionConfig`.
            bits: bit depth of images of more than 8 bits; None for that of the training, else for
                that of the largest value of these images.

        Returns:
            Detections in the original frame, best first (see `to_detections`), which draw
            themselves with `plot` and `save`; for a list of images, a list of them.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: an image cannot be read or has another shape, type or range, or the network
                has no segmenter.
            TypeError: a value is no image.
        """
        checked = PredictionConfig(
            score_threshold=score_threshold, batch_size=batch_size, bits=bits
        )
        several = isinstance(image, list | tuple)
        images: list[Any] = list(image) if several else [image]  # type: ignore[arg-type]
        pixels = read_images(images, bits or self.settings.augment.bits)
        found = self._predict(pixels, checked)
        return found if several else found[0]

    def _predict(self, images: list[np.ndarray], cfg: PredictionConfig) -> list[Detections]:
        from sapnet.prediction.detections import Detections, to_detections

        augment = self.settings.augment
        plan = plan_batches([(p.shape[0], p.shape[1]) for p in images], augment, cfg.batch_size)
        dataset = ImageDataset(images, augment, load=lambda pixels: pixels)
        found = {
            index: to_detections(predictions, self.categories, cfg.score_threshold)
            for index, predictions in segment_images(self, dataset, plan)
        }
        return [
            Detections.of(found[index], pixels, cfg.draw_threshold)
            for index, pixels in enumerate(images)
        ]
