"""SOLOv2 (arXiv:2003.10152) on the features of a pyramid network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sapnet.geometry.masks import centers_of_mass
from sapnet.segmentation.config import NUM_FEATURES
from sapnet.segmentation.exporting.fixed import FixedInstances, fixed_instances
from sapnet.segmentation.head import SOLOv2Head
from sapnet.segmentation.losses import MPS_WEIGHT, solov2_losses
from sapnet.segmentation.mask_features import CONVS_PER_LEVEL, MaskFeatureBranch
from sapnet.segmentation.outputs import SOLOv2Outputs
from sapnet.segmentation.partial.cells import cells_of_seen, ignored_cells, with_left_out
from sapnet.segmentation.partial.seeing import see_objects
from sapnet.segmentation.postprocess import predict_instances
from sapnet.segmentation.targets import assign_targets
from sapnet.structures.grids import MASK_STRIDE
from sapnet.structures.seen import are_covered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.segmentation.config import SOLOv2Config
    from sapnet.structures.batch import Gaps, InstanceTargets
    from sapnet.structures.outputs import Predictions
    from sapnet.structures.seen import SeenObjects


class SOLOv2(nn.Module):
    """Grid head and mask feature branch, with their losses and predictions.

    Args:
        num_classes: C.
        in_channels: channels of the features P2..P6.
        cfg: the network's settings.
    """

    def __init__(self, num_classes: int, in_channels: int, cfg: SOLOv2Config) -> None:
        super().__init__()
        self.cfg = cfg
        self.head = SOLOv2Head(num_classes, in_channels, cfg)
        self.mask_branch = MaskFeatureBranch(in_channels, cfg)

    def forward(self, features: Sequence[Tensor]) -> SOLOv2Outputs:
        """Compute the raw outputs.

        Args:
            features: P2..P6 (strides 4 to 64), each (B, in_channels, h, w).

        Raises:
            ValueError: another number of features.
        """
        if len(features) != NUM_FEATURES:
            raise ValueError(
                f"SOLOv2: expected {NUM_FEATURES} features (P2..P6), found {len(features)}; "
                "give the pyramid network an extra level (LastLevelMaxPool)"
            )
        grid_kernels, grid_class_logits = self.head(features)
        return SOLOv2Outputs(
            grid_kernels=grid_kernels,
            grid_class_logits=grid_class_logits,
            mask_features=self.mask_branch(features[: len(CONVS_PER_LEVEL)]),
        )

    def loss(
        self,
        outputs: SOLOv2Outputs,
        targets: InstanceTargets,
        mps_weight: float = MPS_WEIGHT,
        num_positives: Tensor | None = None,
        left_out: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the losses; see `solov2_losses`.

        An object whose stride-4 mask is empty is skipped. `left_out` (B, cells, C) bool are cells
        that do not learn a class, unless they have an object of it; see `left_out_cells`.

        Raises:
            ValueError: the masks do not lie on the grid of the mask features.
        """
        grid_size = outputs.mask_features.shape[-2:]
        if targets.masks.shape[1:] != grid_size:
            raise ValueError(
                f"targets.masks: expected (N, {grid_size[0]}, {grid_size[1]}), found "
                f"{tuple(targets.masks.shape)}; make them on the stride-{MASK_STRIDE} grid of the "
                "padded input"
            )
        grid_targets = assign_targets(
            targets.boxes,
            _centers_yx(targets.masks),
            targets.image_index,
            outputs.num_images,
            outputs.input_size,
            self.cfg,
        )
        if left_out is not None:
            grid_targets = with_left_out(grid_targets, targets.labels, left_out)
        return solov2_losses(outputs, targets, grid_targets, self.cfg, mps_weight, num_positives)

    def see(
        self, outputs: SOLOv2Outputs, partial: Tensor, thresholds: Tensor, limit: int
    ) -> SeenObjects:
        """Return what is seen of the classes that are not all clicked; see `see_objects`."""
        return see_objects(outputs, partial, self.cfg, thresholds, limit)

    def left_out_cells(
        self, outputs: SOLOv2Outputs, targets: InstanceTargets, gaps: Gaps, seen: SeenObjects | None
    ) -> Tensor:
        """Tell which cells learn nothing about a class, (B, cells, C) bool.

        Args:
            outputs: raw outputs of the network; only their sizes are used.
            targets: the objects that are learned; what they cover is seen and known.
            gaps: what the images leave open.
            seen: objects in partial images that hold no click; None for none.
        """
        left_out = ignored_cells(gaps, self.cfg)
        if seen is None or not len(seen):
            return left_out
        unknown = seen.select(~are_covered(seen, targets.masks, targets.image_index))
        shape = (left_out.shape[0], left_out.shape[1], left_out.shape[2])
        centers_yx = _centers_yx(unknown.masks.to(torch.uint8))
        return left_out | cells_of_seen(unknown, centers_yx, shape, outputs.input_size, self.cfg)

    def predict(
        self,
        outputs: SOLOv2Outputs,
        image_sizes: Tensor,
        original_sizes: Tensor,
        classes: Sequence[Tensor] | None = None,
    ) -> list[Predictions]:
        """Turn outputs into instances of each image; see `predict_instances`."""
        return predict_instances(outputs, image_sizes, original_sizes, self.cfg, classes)

    def fixed(self, features: Sequence[Tensor]) -> FixedInstances:
        """Segment one image with a fixed number of instances; see `fixed_instances`."""
        return fixed_instances(self(features), self.cfg)

    @property
    def num_fixed(self) -> int:
        """N, instances that `fixed` returns."""
        pairs = sum(self.cfg.cells_per_level) * self.head.class_output.out_channels
        return min(self.cfg.predict.max_instances, self.cfg.predict.pre_nms, pairs)

    @property
    def mask_threshold(self) -> float:
        """Mask probability above which a pixel is foreground."""
        return self.cfg.predict.mask_threshold


def _centers_yx(masks: Tensor) -> Tensor:
    """Return centres of mass (N, 2) of stride-4 masks, as `assign_targets` takes them."""
    # A stride-4 cell's middle lies 1.5 pixels after the centre of its first pixel.
    return MASK_STRIDE * centers_of_mass(masks) + (MASK_STRIDE - 1) / 2
