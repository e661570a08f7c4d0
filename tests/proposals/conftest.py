"""Tiny, randomly initialised SAM-family checkpoints, saved as a user would save theirs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

SIDE = 64
"""Input side of the tiny segmenters, in pixels."""

_DECODER = {
    "hidden_size": 32,
    "mlp_dim": 32,
    "num_attention_heads": 2,
    "iou_head_hidden_dim": 32,
}
_PYRAMID = {"backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]], "fpn_hidden_size": 32}


def _prompt_encoder(patch_size: int = 16) -> dict[str, Any]:
    return {"hidden_size": 32, "image_size": SIDE, "patch_size": patch_size}


def _vit() -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "output_channels": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "mlp_ratio": 2.0,
        "window_size": 2,
        "global_attn_indexes": [1],
        "num_pos_feats": 16,
        "mlp_dim": 64,
    }


def _sam() -> tuple[Any, Any]:
    from transformers import SamConfig, SamImageProcessor, SamModel

    config = SamConfig(
        vision_config=_vit(),
        prompt_encoder_config=_prompt_encoder(),
        mask_decoder_config=_DECODER,
    )
    square = {"height": SIDE, "width": SIDE}
    return SamModel(config), SamImageProcessor(size={"longest_edge": SIDE}, pad_size=square)


def _sam_hq() -> tuple[Any, Any]:
    from transformers import SamHQConfig, SamHQModel, SamImageProcessor

    config = SamHQConfig(
        vision_config=_vit(),
        prompt_encoder_config=_prompt_encoder(),
        mask_decoder_config={**_DECODER, "vit_dim": 32},
    )
    square = {"height": SIDE, "width": SIDE}
    return SamHQModel(config), SamImageProcessor(size={"longest_edge": SIDE}, pad_size=square)


def _sam2() -> tuple[Any, Any]:
    from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model

    backbone = {
        "model_type": "sam2_hiera_det_model",
        "image_size": [SIDE, SIDE],
        "hidden_size": 8,
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [4, 4, 4, 4],
        "global_attention_blocks": [3],
    }
    config = Sam2Config(
        vision_config={
            **_PYRAMID,
            "backbone_config": backbone,
            "backbone_channel_list": [64, 32, 16, 8],
        },
        prompt_encoder_config=_prompt_encoder(),
        mask_decoder_config=_DECODER,
    )
    return Sam2Model(config), Sam2ImageProcessor(size={"height": SIDE, "width": SIDE})


def _edgetam() -> tuple[Any, Any]:
    from transformers import EdgeTamConfig, EdgeTamModel, Sam2ImageProcessor, TimmWrapperConfig

    backbone = TimmWrapperConfig(
        architecture="resnet10t",
        model_args={"in_chans": 3, "features_only": True, "out_indices": [1, 2, 3, 4]},
    )
    config = EdgeTamConfig(
        vision_config={
            **_PYRAMID,
            "backbone_config": backbone,
            "backbone_channel_list": [512, 256, 128, 64],
        },
        prompt_encoder_config=_prompt_encoder(),
        mask_decoder_config=_DECODER,
    )
    return EdgeTamModel(config), Sam2ImageProcessor(size={"height": SIDE, "width": SIDE})


def _sam3_tracker() -> tuple[Any, Any]:
    from transformers import Sam3ImageProcessor, Sam3TrackerConfig, Sam3TrackerModel

    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 16,
        "window_size": 2,
        "global_attn_indexes": [1],
        "pretrain_image_size": SIDE,
    }
    config = Sam3TrackerConfig(
        vision_config={"model_type": "sam3_vision_model", **_PYRAMID, "backbone_config": backbone},
        prompt_encoder_config=_prompt_encoder(),
        mask_decoder_config=_DECODER,
    )
    return Sam3TrackerModel(config), Sam3ImageProcessor(size={"height": SIDE, "width": SIDE})


FAMILY = {
    "sam": _sam,
    "sam_hq": _sam_hq,
    "sam2": _sam2,
    "edgetam": _edgetam,
    "sam3_tracker": _sam3_tracker,
}


@pytest.fixture(scope="session", params=list(FAMILY))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one tiny checkpoint of each family."""
    return save_checkpoint(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def sam_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny SAM."""
    return save_checkpoint("sam", tmp_path_factory.mktemp("plain_sam"))


def save_checkpoint(family: str, folder: Path) -> Path:
    torch.manual_seed(0)
    try:
        model, processor = FAMILY[family]()
    except OSError as error:  # older releases of transformers ask the hub for timm's settings
        if "timm/" not in str(error):
            raise
        pytest.skip(f"{family}: this transformers needs the hub to make one")
    with torch.no_grad():
        for parameter in model.mask_decoder.parameters():
            # Random weights as small as the initialiser's give masks that are all one sign.
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def put_in_hub_cache(folder: Path, name: str, cache: Path) -> None:
    """Lay a saved model where the hub's client keeps what it has fetched."""
    revision = "0" * 40
    kept = cache / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, kept / "snapshots" / revision)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(revision)


@pytest.fixture(scope="session")
def make_checkpoint() -> Callable[[str, Path], Path]:
    """A function of family and folder that saves a tiny checkpoint there."""
    return save_checkpoint
