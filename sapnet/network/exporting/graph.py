"""The whole inference as one module: image in, a fixed number of instances out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from sapnet.network.model import Network


class InferenceGraph(nn.Module):
    """Padding, normalisation, network, Matrix NMS and masks of one image.

    Args:
        network: a trained network with a segmenter; it is shared, not copied.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self._divisor = network.settings.augment.pad_divisor
        self._segmenter = network.segmenter

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Segment an image.

        Args:
            images: (1, 3, H, W) uint8 RGB of any height and width.

        Returns:
            boxes (N, 4), scores (N,), labels (N,) and masks (N, h, w), see `FixedInstances`; boxes
            end at the image.
        """
        height, width = images.shape[2], images.shape[3]
        right, bottom = (-width) % self._divisor, (-height) % self._divisor
        padded = functional.pad(images.float(), (0, right, 0, bottom))
        found = self._segmenter.fixed(self.network.features(padded))
        limits = padded.new_zeros(4)
        limits[0::2] = width
        limits[1::2] = height
        return found.boxes.minimum(limits), found.scores, found.labels, found.masks
