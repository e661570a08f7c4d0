"""From the features of a window and a prompt to three masks and how good each of them is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sapnet.proposals.click.encoder import CHANNELS
from sapnet.proposals.click.prompts import MAP_CHANNELS, Prompts, positive_mean, prompt_maps

NUM_MASKS = 3
"""Masks per prompt and window: a click may mean a part, a whole or a group."""

WIDTHS = (64, 64, 96, 128)
"""Channels of the decoder at strides 4, 8, 16 and 32."""

QUERY = 128
"""Length of the vector that says what was clicked."""

DEPTHS = (2, 2, 2, 2)
KERNELS = (3, 5, 5, 3)


@dataclass(frozen=True)
class Answers:
    """Masks for N prompts, and their expected IoU.

    Attributes:
        mask_logits: (N, NUM_MASKS, h, w) float32 on the window's stride-4 cells.
        iou_logits: (N, NUM_MASKS) float32; their sigmoid is the expected IoU with the object meant,
            parts of it outside of the window included.
    """

    mask_logits: Tensor
    iou_logits: Tensor


class Block(nn.Module):
    """A depthwise and a pointwise convolution beside the identity."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False
        )
        self.depthwise_norm = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.pointwise_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D, h, w) to the same shape."""
        y = F.relu(self.depthwise_norm(self.depthwise(x)), inplace=True)
        return F.relu(x + self.pointwise_norm(self.pointwise(y)), inplace=True)


class Stage(nn.Module):
    """One level of the way down: features of the window meet the prompt and the level above."""

    def __init__(self, above: int | None, channels: int, depth: int, kernel: int) -> None:
        super().__init__()
        self.from_above = None if above is None else nn.Conv2d(above, channels, 1)
        self.from_prompt = nn.Conv2d(MAP_CHANNELS, channels, 1)
        self.modulation = nn.Linear(QUERY, 2 * channels)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.norm = nn.BatchNorm2d(channels)
        self.blocks = nn.Sequential(*(Block(channels, kernel) for _ in range(depth)))

    def forward(self, lateral: Tensor, maps: Tensor, query: Tensor, above: Tensor | None) -> Tensor:
        """Features of a level.

        Args:
            lateral: (N, D, h, w) features of the window, one per prompt.
            maps: (N, MAP_CHANNELS, h, w) of the prompts.
            query: (N, QUERY) what was clicked.
            above: (N, D', h / 2, w / 2) of the coarser level; None at the coarsest.

        Returns:
            (N, D, h, w).
        """
        scale, shift = self.modulation(query)[:, :, None, None].chunk(2, dim=1)
        x = torch.addcmul(shift + self.from_prompt(maps), lateral, 1 + scale)
        if self.from_above is not None and above is not None:
            x = x + F.interpolate(self.from_above(above), scale_factor=2.0, mode="nearest")
        out: Tensor = self.blocks(F.relu(self.norm(x), inplace=True))
        return out


class Decoder(nn.Module):
    """Top-down decoder at stride 4; the window's part of the work is shared by its prompts."""

    def __init__(self) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width))
            for channels, width in zip(CHANNELS, WIDTHS, strict=True)
        )
        above = [*WIDTHS[1:], None]
        self.stages = nn.ModuleList(
            Stage(*config) for config in zip(above, WIDTHS, DEPTHS, KERNELS, strict=True)
        )
        self.query = nn.Sequential(
            nn.Linear(sum(WIDTHS) + WIDTHS[-1] + 1, QUERY),
            nn.ReLU(inplace=True),
            nn.Linear(QUERY, QUERY),
            nn.ReLU(inplace=True),
        )
        self.to_masks = nn.Conv2d(WIDTHS[0], NUM_MASKS, 1)
        self.to_iou = nn.Sequential(
            nn.Linear(2 * WIDTHS[0] + WIDTHS[1] + QUERY + 1, QUERY),
            nn.ReLU(inplace=True),
            nn.Linear(QUERY, QUERY),
            nn.ReLU(inplace=True),
            nn.Linear(QUERY, 1),
        )

    def forward(self, features: list[Tensor], log_sides: Tensor, prompts: Prompts) -> Answers:
        """Answer N prompts on B windows.

        Args:
            features: of `Encoder`, per level (B, channels, S / stride, S / stride).
            log_sides: (B,) float32, logarithm of the window's side as a share of the image's long
                side.
            prompts: N prompts, which name their windows.
        """
        index = prompts.window_index
        shared = [lateral(level) for lateral, level in zip(self.laterals, features, strict=True)]
        query = self.query(self._what_was_clicked(shared, log_sides, prompts))
        above: Tensor | None = None
        outs: list[Tensor] = []
        for lateral, stage in zip(reversed(shared), reversed(self.stages), strict=True):
            maps = prompt_maps(prompts, *lateral.shape[-2:])
            above = stage(lateral[index], maps, query, above)
            outs.append(above)
        mask_logits = self.to_masks(outs[-1])
        return Answers(mask_logits, self._iou_logits(mask_logits.detach(), outs, query))

    def _what_was_clicked(
        self, shared: list[Tensor], log_sides: Tensor, prompts: Prompts
    ) -> Tensor:
        """(N, F): features at the clicks on every level, the window's mean, and its scale."""
        index = prompts.window_index
        places = 2 * prompts.points[:, None] - 1  # (N, 1, Q, 2), from -1 to 1
        read = [
            positive_mean(
                F.grid_sample(level[index], places, padding_mode="border", align_corners=False)[
                    :, :, 0
                ].transpose(1, 2),
                prompts.signs,
            )
            for level in shared
        ]
        window = torch.cat([shared[-1].mean((2, 3)), log_sides[:, None]], dim=1)
        return torch.cat([*read, window[index]], dim=1)

    def _iou_logits(self, mask_logits: Tensor, outs: list[Tensor], query: Tensor) -> Tensor:
        """(N, NUM_MASKS) from the features inside and around each mask."""
        fine, coarse = outs[-1], outs[-2]
        soft = mask_logits.sigmoid()
        inside = _pool(soft, fine)
        # The mean over the window less that over the mask tells what the mask leaves out.
        around = fine.mean((2, 3))[:, None] - inside
        context = _pool(F.avg_pool2d(soft, 2), coarse)
        area = soft.mean((2, 3))[:, :, None].clamp(min=1e-4).log()
        per_mask = query[:, None].expand(-1, soft.shape[1], -1)
        logits: Tensor = self.to_iou(torch.cat([inside, around, context, per_mask, area], dim=2))
        return logits[:, :, 0]


def _pool(masks: Tensor, features: Tensor) -> Tensor:
    """(N, M, D): mean of features (N, D, h, w) under soft masks (N, M, h, w)."""
    total = torch.einsum("nmhw,ndhw->nmd", masks, features)
    return total / masks.sum((2, 3))[:, :, None].clamp(min=1e-3)
