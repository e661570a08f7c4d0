"""SAPNet, the trained network that users load and call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from sapnet.batches.images import ImageDataset
from sapnet.batches.parts import parts_of
from sapnet.network.model import CODERS, Network
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.inputs import ImageInput, read_images
from sapnet.prediction.segment import plan_batches, segment_images
from sapnet.prediction.windows.objects import segment_parts
from sapnet.prediction.windows.tiles import windows_of_size

if TYPE_CHECKING:
    import numpy as np

    from sapnet.data.image_files.address import Window
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
        tile: int | None = ...,
    ) -> Detections: ...

    @overload
    def predict(
        self,
        image: Sequence[ImageInput],
        *,
        score_threshold: float = ...,
        batch_size: int = ...,
        bits: int | None = ...,
        tile: int | None = ...,
    ) -> list[Detections]: ...

    def predict(
        self,
        image: ImageInput | Sequence[ImageInput],
        *,
        score_threshold: float = PredictionConfig.score_threshold,
        batch_size: int = PredictionConfig.batch_size,
        bits: int | None = PredictionConfig.bits,
        tile: int | None = PredictionConfig.tile,
    ) -> Detections | list[Detections]:
        """Segment an image, or several.

        Args:
            image: a path, a URL, an image of Pillow, an array or a tensor (see `read_images`), or a
                list or tuple of these.
            score_threshold: least score of an instance that is returned.
            batch_size: most images that pass the network together, see `PredictionConfig`.
            bits: bit depth of images of more than 8 bits; None for that of the training, else for
                that of the largest value of these images. Bands are those of the training.
            tile: side of the windows that larger images are cut into, pixels; 0 keeps them whole.
                None for those of the training, else for images of more than 100 million pixels.

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
            score_threshold=score_threshold, batch_size=batch_size, bits=bits, tile=tile
        )
        several = isinstance(image, list | tuple)
        images: list[Any] = list(image) if several else [image]  # type: ignore[arg-type]
        trained = self.settings.augment
        pixels = read_images(images, bits or trained.bits, trained.bands or ())
        found = self._predict(pixels, checked)
        return found if several else found[0]

    def _predict(self, images: list[np.ndarray], cfg: PredictionConfig) -> list[Detections]:
        from sapnet.prediction.detections import Detections, to_detections

        augment, windows = self.settings.augment, self._windows(images, cfg)
        whole = [index for index in range(len(images)) if index not in windows]
        sizes = [(images[index].shape[0], images[index].shape[1]) for index in whole]
        dataset = ImageDataset([images[index] for index in whole], augment, load=lambda p: p)
        plan = plan_batches(sizes, augment, cfg.batch_size)
        found = {
            whole[place]: to_detections(predictions, self.categories, cfg.score_threshold)
            for place, predictions in segment_images(self, dataset, plan)
        }
        found |= {index: self._in_windows(images[index], windows[index], cfg) for index in windows}
        return [
            Detections.of(found[index], pixels, cfg.draw_threshold)
            for index, pixels in enumerate(images)
        ]

    def _windows(
        self, images: Sequence[np.ndarray], cfg: PredictionConfig
    ) -> dict[int, list[Window]]:
        """Return the windows of the images that are cut, by their places in the list."""
        tiling = cfg.parts(parts_of(self.settings.augment)).tiling
        automatic = cfg.tile is None and tiling is None
        found = {
            index: windows_of_size((pixels.shape[0], pixels.shape[1]), tiling, automatic=automatic)
            for index, pixels in enumerate(images)
        }
        return {index: windows for index, windows in found.items() if windows}

    def _in_windows(
        self, pixels: np.ndarray, windows: Sequence[Window], cfg: PredictionConfig
    ) -> Detections:
        from sapnet.prediction.detections import detections_of_objects

        cut = [pixels[w.y : w.y + w.height, w.x : w.x + w.width] for w in windows]
        dataset = ImageDataset(cut, self.settings.augment, load=lambda part: part)
        size = (pixels.shape[0], pixels.shape[1])
        objects = segment_parts(self, dataset, windows, size, cfg)
        return detections_of_objects(objects, size, self.categories)
