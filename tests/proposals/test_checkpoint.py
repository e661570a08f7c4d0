from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sapnet.proposals.checkpoint import (
    CheckpointError,
    find_checkpoint,
    find_licence,
    load_segmenter,
)

CPU = torch.device("cpu")


def test_folder_saved_by_model_and_whole_processor(sam_checkpoint: Path, tmp_path: Path) -> None:
    """`SamProcessor.save_pretrained` writes processor_config.json instead of the image's own."""
    from transformers import SamImageProcessor, SamProcessor

    for name in ("config.json", "model.safetensors"):
        shutil.copy(sam_checkpoint / name, tmp_path)
    SamProcessor(SamImageProcessor.from_pretrained(sam_checkpoint)).save_pretrained(tmp_path)
    segmenter = load_segmenter(find_checkpoint(str(tmp_path)), CPU)
    assert segmenter.image_processor.pad_size["height"] == 64
    assert not segmenter.model.training


def test_unsupported_model(sam_checkpoint: Path, tmp_path: Path) -> None:
    shutil.copytree(sam_checkpoint, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "segformer"}))
    with pytest.raises(CheckpointError, match=r"'segformer' is not supported.*sam, sam_hq, sam2"):
        load_segmenter(tmp_path, CPU)


def test_config_of_the_video_model_gives_the_image_model(
    make_checkpoint: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    """The published SAM 2 and EdgeTAM checkpoints name the video model in their config."""
    make_checkpoint("sam2", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "sam2_video"}))
    assert type(load_segmenter(tmp_path, CPU).model).__name__ == "Sam2Model"


def test_incomplete_folder(sam_checkpoint: Path, tmp_path: Path) -> None:
    shutil.copy(sam_checkpoint / "config.json", tmp_path)
    with pytest.raises(CheckpointError, match=r"preprocessor_config.*model.safetensors missing"):
        find_checkpoint(str(tmp_path))


def test_weights_that_lack_a_tensor(sam_checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(sam_checkpoint, tmp_path, dirs_exist_ok=True)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["mask_decoder.iou_token.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"1 weights of SamModel.*mask_decoder.iou_token"):
        load_segmenter(tmp_path, CPU)


def test_absent_weights_say_where_they_were_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def no_network(*_: object, **__: object) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", no_network)
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint("someone/sam-nowhere")
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "'someone/sam-nowhere'",
        str(tmp_path / "someone/sam-nowhere"),
        huggingface_hub.constants.HF_HUB_CACHE,
        "Name or service not known",
        "hf download someone/sam-nowhere",
        "copy a folder with config.json",
    ):
        assert part in message


def test_weights_in_the_hub_cache_need_no_network(
    sam_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked = []

    def snapshot(name: str, **keywords: object) -> str:
        asked.append((name, keywords["local_files_only"]))
        return str(sam_checkpoint)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert find_checkpoint("facebook/sam-vit-base") == sam_checkpoint
    assert asked == [("facebook/sam-vit-base", True)]


@pytest.mark.parametrize(
    ("checkpoint", "licence"),
    [
        ("facebook/sam-vit-huge", "Apache-2.0"),
        ("facebook/sam2.1-hiera-tiny", "Apache-2.0"),
        ("syscv-community/sam-hq-vit-base", "Apache-2.0"),
        ("facebook/sam3", "SAM License (Meta's own; read it before use)"),
        ("/data/my-sam", "see the model card"),
    ],
)
def test_licences(checkpoint: str, licence: str) -> None:
    assert find_licence(checkpoint) == licence
