"""Mask2Former of transformers (arXiv:2112.01527) on batches of sapnet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sapnet.segmentation.original.resizing import masks_to_original
from sapnet.segmentation.others.pixels import Normalisation
from sapnet.structures.grids import MASK_STRIDE
from sapnet.structures.outputs import Predictions
from sapnet.system.outside import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sapnet.segmentation.config import PredictConfig
    from sapnet.structures.batch import InstanceTargets

LOSSES = {
    "loss_cross_entropy": "loss_class",
    "loss_mask": "loss_mask",
    "loss_dice": "loss_dice",
}
"""Names of the losses, by the beginnings of their names in transformers."""


class Mask2Former(nn.Module):
    """Mask2Former: a fixed number of queries, each with a class or none, and a mask.

    Args:
        architecture: `config`, a `Mask2FormerConfig` as a dictionary; `mean` and `std` of the
            pixels in [0, 1].
        num_classes: C.
        cfg: most instances, least score and mask threshold of predictions.

    Raises:
        ValueError: the configuration is that of another network.
    """

    def __init__(
        self, architecture: Mapping[str, Any], num_classes: int, cfg: PredictConfig
    ) -> None:
        super().__init__()
        from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation

        known = dict(architecture["config"])
        # Without this, transformers fills what is missing with the values of a large network.
        if (kind := known.get("model_type")) != Mask2FormerConfig.model_type:
            raise ValueError(
                f"model.other.architecture.config: expected model_type "
                f"'{Mask2FormerConfig.model_type}', found {shown(kind)}. Restore the file"
            )
        config = Mask2FormerConfig.from_dict(known)
        config.num_labels = num_classes
        self.model: Any = Mask2FormerForUniversalSegmentation(config)
        self.normalisation = Normalisation(architecture["mean"], architecture["std"])
        self._cfg = cfg
        self.train()

    @property
    def encoder(self) -> nn.Module:
        """The backbone."""
        encoder: nn.Module = self.model.model.pixel_level_module.encoder
        return encoder

    def losses(
        self, images: Tensor, image_sizes: Tensor, targets: InstanceTargets
    ) -> dict[str, Tensor]:
        """Compute the losses of all decoder layers, summed by kind; see `Segmenter.losses`."""
        classes, masks = self._outputs(images, image_sizes)
        own = [targets.image_index == index for index in range(len(images))]
        # The matching runs in numpy, which knows no bfloat16.
        with torch.autocast(images.device.type, enabled=False):
            found: dict[str, Tensor] = self.model.get_loss_dict(
                masks_queries_logits=masks[-1],
                class_queries_logits=classes[-1],
                mask_labels=[targets.masks[chosen].float() for chosen in own],
                class_labels=[targets.labels[chosen] for chosen in own],
                auxiliary_predictions=(
                    self.model.get_auxiliary_logits(classes, masks)
                    if self.model.config.use_auxiliary_loss
                    else None
                ),
            )
        return {
            name: torch.stack([v for key, v in found.items() if key.startswith(start)]).sum()
            for start, name in LOSSES.items()
        }

    @torch.no_grad()
    def predict(
        self,
        images: Tensor,
        image_sizes: Tensor,
        original_sizes: Tensor,
        classes: Sequence[Tensor] | None = None,
    ) -> list[Predictions]:
        """Segment images; see `Segmenter.predict`.

        The score is that of the class times the mean probability of the mask's pixels.
        """
        all_classes, all_masks = self._outputs(images, image_sizes)
        logits = _at_mask_stride(all_masks[-1], (images.shape[2], images.shape[3]))
        scores = all_classes[-1].softmax(-1)[..., :-1]  # the last one is "no object"
        predictions = []
        sizes = zip(image_sizes.tolist(), original_sizes.tolist(), strict=True)
        for index, (image_size, original_size) in enumerate(sizes):
            own = scores[index]
            if classes is not None:
                is_wanted = torch.isin(
                    torch.arange(own.shape[1], device=own.device), classes[index]
                )
                own = own * is_wanted
            found = self._best(own, logits[index])
            masks = masks_to_original(
                logits[index][found[0]], image_size, original_size, self._threshold
            )
            predictions.append(Predictions(masks, found[1], found[2]))
        return predictions

    @property
    def _threshold(self) -> float:
        """Mask logit above which a pixel is foreground."""
        return float(torch.logit(torch.tensor(self._cfg.mask_threshold)))

    def _best(self, scores: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Choose the best pairs of query and class.

        Args:
            scores: (Q, C) of the classes.
            logits: (Q, h, w) of the masks.

        Returns:
            Query, class and score of each pair, (P,) each, best first.
        """
        num_classes = scores.shape[1]
        best, places = scores.flatten().topk(min(self._cfg.max_instances, scores.numel()))
        foreground = logits > self._threshold
        area = foreground.sum((1, 2))
        maskness = (logits.sigmoid() * foreground).sum((1, 2)) / area.clamp(min=1)
        queries = torch.div(places, num_classes, rounding_mode="floor")
        final = best * maskness[queries]
        order = final.argsort(descending=True, stable=True)
        kept = order[(final > 0)[order] & (final >= self._cfg.filter_threshold)[order]]
        return queries[kept], places[kept] % num_classes, final[kept]

    def _outputs(self, images: Tensor, image_sizes: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Compute class logits (B, Q, C + 1) and mask logits (B, Q, h, w) of each layer."""
        pixels = self.normalisation(images, image_sizes)
        outputs = self.model.model(pixel_values=pixels, output_hidden_states=True)
        states = outputs.transformer_decoder_intermediate_states
        classes = [self.model.class_predictor(state.transpose(0, 1)).float() for state in states]
        return classes, [masks.float() for masks in outputs.masks_queries_logits]


def _at_mask_stride(logits: Tensor, input_size: tuple[int, int]) -> Tensor:
    """Bring mask logits to stride 4 of the padded input, where a network has another stride."""
    size = (input_size[0] // MASK_STRIDE, input_size[1] // MASK_STRIDE)
    if logits.shape[-2:] == size:
        return logits
    return functional.interpolate(logits, size, mode="bilinear", align_corners=False)
