"""Choice of the segmenter; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

SegmenterName = Literal["solov2", "mask-rcnn", "mask2former"]
OtherName = Literal["mask-rcnn", "mask2former"]

SOLOV2: Final = "solov2"

BUILDERS = ("maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2")
"""Functions of torchvision that build a Mask R-CNN with weights for COCO."""

MASK_STRIDE = 1
"""Input pixels per cell of the masks that the other segmenters learn from."""


@dataclass(frozen=True)
class OtherSegmenterConfig:
    """A segmenter in the place of SOLOv2.

    Attributes:
        name: "mask-rcnn" (torchvision) or "mask2former" (transformers).
        checkpoint: its trained weights: a name, a folder or a file. None: those of the backbone.
        architecture: what its shapes depend on, read from the checkpoint or fitted to the data when
            a training starts.
    """

    name: OtherName
    checkpoint: str | None = None
    architecture: dict[str, Any] | None = None

    @property
    def is_on_pyramid(self) -> bool:
        """True if it stands on our backbone and pyramid."""
        if self.architecture is not None:
            return "anchors" in self.architecture
        return self.name == "mask-rcnn" and self.checkpoint is None


@dataclass(frozen=True)
class SegmenterChoice:
    """The segmenter that learns from masks.

    Attributes:
        segmenter: "solov2", as in the paper; "mask-rcnn" of torchvision; or "mask2former" of
            transformers. The last two learn from masks (--supervision masks) or from the
            proposals with the best own scores (top1).
        checkpoint: trained weights of the segmenter that the training begins with. mask2former
            needs some: a name on the Hugging Face hub, such as
            facebook/mask2former-swin-tiny-coco-instance, or a folder of `save_pretrained`.
            mask-rcnn takes maskrcnn_resnet50_fpn or maskrcnn_resnet50_fpn_v2, torchvision's
            weights for COCO, or a file of them; unset, it stands on the backbone and the pyramid of
            --model. Classes keep their weights by name.
    """

    segmenter: SegmenterName = SOLOV2
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        if self.segmenter not in get_args(SegmenterName):
            known = ", ".join(get_args(SegmenterName))
            raise ValueError(f"segmenter: expected one of {known}, found {self.segmenter!r}")
        if self.segmenter == SOLOV2 and self.checkpoint is not None:
            raise ValueError(
                f"--checkpoint {self.checkpoint} is for --segmenter mask-rcnn or mask2former. "
                "SOLOv2 begins with an older run (--from RUN; `sapnet import-checkpoint` makes one)"
            )

    def other(self) -> OtherSegmenterConfig | None:
        """Return the settings of the segmenter; None for SOLOv2."""
        match self.segmenter:
            case "solov2":
                return None
            case name:
                return OtherSegmenterConfig(name, self.checkpoint)
