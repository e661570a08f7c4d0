"""Segmenter: what a whole network of another project offers for training and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from sapnet.structures.batch import InstanceTargets
    from sapnet.structures.outputs import Predictions


class Segmenter(Protocol):
    """A network from pixels to instances that learns from masks."""

    @property
    def encoder(self) -> nn.Module:
        """The part that every image passes, for `torch.compile`."""

    def losses(
        self, images: Tensor, image_sizes: Tensor, targets: InstanceTargets
    ) -> dict[str, Tensor]:
        """Compute the losses of a batch, in training mode.

        Args:
            images: (B, 3, H, W) RGB, 0..255, sides divisible by 32.
            image_sizes: (B, 2) int64 (height, width) of the content in `images`.
            targets: masks at the stride `config.MASK_STRIDE`.

        Returns:
            Scalar float32 tensors by name, already weighted.
        """

    def predict(
        self,
        images: Tensor,
        image_sizes: Tensor,
        original_sizes: Tensor,
        classes: Sequence[Tensor] | None = None,
    ) -> list[Predictions]:
        """Segment images, in evaluation mode.

        Args:
            images: (B, 3, H, W) RGB, 0..255, sides divisible by 32.
            image_sizes: (B, 2) int64 (height, width) of the content in `images`.
            original_sizes: (B, 2) int64 (height, width) of the files.
            classes: of each image, the class indices whose instances are returned; None for all.

        Returns:
            B predictions, original frame, best first.
        """
