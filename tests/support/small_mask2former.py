"""A small random Mask2Former, saved as transformers saves one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def save_small_mask2former(folder: Path, classes: Sequence[str]) -> Path:
    """Write a network of 0.4 million random parameters with these classes; return the folder."""
    import torch
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

    torch.manual_seed(0)
    config = Mask2FormerConfig(
        backbone_config=SwinConfig(
            image_size=64,
            embed_dim=16,
            depths=[1, 1, 1, 1],
            num_heads=[1, 2, 2, 4],
            window_size=4,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=64,
        dim_feedforward=64,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=4,
        num_queries=8,
        train_num_points=256,
        id2label=dict(enumerate(classes)),
    )
    Mask2FormerForUniversalSegmentation(config).save_pretrained(folder)
    return folder
