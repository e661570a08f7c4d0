"""Weights of Mask2Former in the layout of transformers: from a folder or the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.segmentation.others.pixels import IMAGENET_MEAN, IMAGENET_STD
from sapnet.system.files import read_json
from sapnet.system.hub import check_hub
from sapnet.system.outside import shown

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"
WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")
"""Patterns of the files of weights; the second is that of earlier versions of transformers."""

NAMES = ("id2label", "label2id")
"""Parts of the configuration that name classes; ours are in the settings of the network."""

EXAMPLE = "facebook/mask2former-swin-tiny-coco-instance"


def read_architecture(checkpoint: str) -> dict[str, Any]:
    """Read what the shapes of a Mask2Former depend on, and how it wants its pixels.

    Args:
        checkpoint: folder written by `save_pretrained`, or a name on the hub.

    Returns:
        `config`, `mean` and `std`, see `Mask2Former`.

    Raises:
        FileNotFoundError: there is no such folder, and no such name on the hub or in its cache.
        ValueError: it holds another network, or a damaged file.
    """
    from transformers import Mask2FormerConfig

    folder = find_folder(checkpoint)
    content = _read_config(folder / CONFIG, checkpoint)
    try:
        config = Mask2FormerConfig.from_dict(content).to_dict()
    except Exception as error:  # transformers raises what it likes
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"--checkpoint {checkpoint}: {CONFIG} cannot be used ({reason})"
        ) from error
    pixels: dict[str, Any] = {}
    if (folder / PROCESSOR).is_file():
        pixels = _read_object(folder / PROCESSOR)
    return {
        "config": {name: value for name, value in config.items() if name not in NAMES},
        "mean": pixels.get("image_mean") or list(IMAGENET_MEAN),
        "std": pixels.get("image_std") or list(IMAGENET_STD),
    }


def load_state(checkpoint: str) -> tuple[dict[str, Tensor], list[str]]:
    """Load the weights of a Mask2Former.

    Args:
        checkpoint: as for `read_architecture`.

    Returns:
        Weights by transformers' names, and the names of their classes in the order of the rows.

    Raises:
        FileNotFoundError: as for `read_architecture`, or there are no weights.
        ValueError: weights are missing or cannot be read.
    """
    from transformers import Mask2FormerForUniversalSegmentation
    from transformers.utils import logging

    folder = find_folder(checkpoint)
    _read_config(folder / CONFIG, checkpoint)
    if not any(found for pattern in WEIGHT_FILES for found in folder.glob(pattern)):
        raise FileNotFoundError(
            f"--checkpoint {checkpoint}: no weights ({' or '.join(WEIGHT_FILES)}) in {folder}. "
            "Save the network there with `save_pretrained`"
        )
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, loading = Mask2FormerForUniversalSegmentation.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
    except Exception as error:  # transformers and safetensors raise what they like
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"--checkpoint {checkpoint}: its weights cannot be read ({reason})"
        ) from error
    finally:
        logging.set_verbosity(before)
    if missing := sorted(loading["missing_keys"]):
        raise ValueError(
            f"--checkpoint {checkpoint}: {len(missing)} weights of Mask2Former are not in the "
            f"file, such as {missing[0]}. Get a complete one"
        )
    labels = model.config.id2label
    return dict(model.state_dict()), [labels[index] for index in range(model.config.num_labels)]


def find_folder(checkpoint: str) -> Path:
    """Find the folder of a checkpoint: the given one, that in the hub's cache, or a download."""
    from huggingface_hub import snapshot_download

    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or checkpoint.count("/") != 1:
        raise FileNotFoundError(
            f"--checkpoint {checkpoint}: no such folder, and not a name on the hub, which has the "
            f"form USER/NAME, such as {EXAMPLE}"
        )
    try:
        check_hub(checkpoint, (CONFIG,))
        for pattern in WEIGHT_FILES:
            folder = Path(snapshot_download(checkpoint, allow_patterns=["*.json", pattern]))
            if any(folder.glob(pattern)):
                break
        return folder
    except Exception as error:  # the client raises errors of its transport
        reason = str(error).strip().split("\n")[0]
        raise FileNotFoundError(
            f"--checkpoint {checkpoint}: no folder of that name here, not in the hub's cache, and "
            f"the hub did not give it ({reason}). Run `hf download {checkpoint}` where there is a "
            "network and keep that cache, or name a local folder"
        ) from error


def _read_config(path: Path, checkpoint: str) -> dict[str, Any]:
    """Read the configuration and check that it is one of Mask2Former."""
    if not path.is_file():
        raise FileNotFoundError(
            f"--checkpoint {checkpoint}: expected a folder of `save_pretrained` with {CONFIG}, "
            "found none there"
        )
    content = _read_object(path)
    kind = content.get("model_type")
    if kind != "mask2former":
        raise ValueError(
            f"--checkpoint {checkpoint}: expected a Mask2Former, found model_type {kind!r} in "
            f"{CONFIG}. Name another, such as {EXAMPLE}"
        )
    return content


def _read_object(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected an object, found {shown(content)}. Get it again")
    return content
