"""Finding and loading of the weights of a promptable segmenter of the SAM family."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.proposals.config import SamConfig

if TYPE_CHECKING:
    import torch

MODEL_CLASSES = {
    "sam": "SamModel",
    "sam_hq": "SamHQModel",
    "sam2": "Sam2Model",
    "sam2_video": "Sam2Model",  # the published SAM 2 files have the video model's config
    "edgetam": "EdgeTamModel",
    "edgetam_video": "EdgeTamModel",
    "sam3_tracker": "Sam3TrackerModel",
    "sam3_video": "Sam3TrackerModel",  # so do those of SAM 3
}
"""Image models of transformers by the checkpoint's `model_type`."""

LICENCES = {
    "facebook/sam-vit-": "Apache-2.0",
    "facebook/sam2-": "Apache-2.0",
    "facebook/sam2.1-": "Apache-2.0",
    "syscv-community/sam-hq-vit-": "Apache-2.0",
    "yonigozlan/EdgeTAM-hf": "Apache-2.0",
    "facebook/sam3": "SAM License (Meta's own; read it before use)",
}
"""License of the weights by the prefix of the hub name."""

UNKNOWN_LICENCE = "see the model card"

_FILES = ["*.json", "*.safetensors"]
_CACHED_MODEL = "models--"  # prefix of the folders of models in the hub's cache
_PROBE_SECONDS = 10.0


class CheckpointError(ValueError):
    """Weights that are missing, incomplete or of an unsupported kind."""


@dataclass(frozen=True)
class Segmenter:
    """A frozen promptable segmenter.

    Attributes:
        model: a SAM-family image model of transformers, in evaluation mode.
        image_processor: its image processor, which resizes and normalizes images, and resizes masks
            back.
        model_type: a key of `MODEL_CLASSES`.
    """

    model: Any
    image_processor: Any
    model_type: str


def find_licence(checkpoint: str) -> str:
    """Return the license of a well-known hub name, else a reference to the model card."""
    for prefix, licence in LICENCES.items():
        if checkpoint.startswith(prefix):
            return licence
    return UNKNOWN_LICENCE


def find_checkpoint(checkpoint: str) -> Path:
    """Find the folder of a checkpoint: the given one, that in the hub's cache, or a download.

    Args:
        checkpoint: a local folder (as written by `save_pretrained` of model and processor), or a
            name on the Hugging Face hub.

    Returns:
        A folder with config.json, an image processor's json and safetensors weights.

    Raises:
        CheckpointError: not found; the message says what is missing, where it was looked for, and
            how to provide it.
    """
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        missing = _missing_files(folder)
        if missing:
            raise CheckpointError(
                f"{folder}: {' and '.join(missing)} missing. Save model and processor there with "
                "`save_pretrained`, or give a hub name such as facebook/sam-vit-base."
            )
        return folder
    found = find_cached(checkpoint)
    if found is not None:
        return found
    try:
        return fetch_checkpoint(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(_not_found(checkpoint, error)) from error


def find_cached(checkpoint: str) -> Path | None:
    """Return the folder of a hub name in the hub's cache if all needed files are there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        path = snapshot_download(checkpoint, allow_patterns=_FILES, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return None if _missing_files(Path(path)) else Path(path)


def hub_bytes(checkpoint: str) -> int:
    """Ask the hub for the size of a checkpoint's files.

    Raises:
        CheckpointError: the hub cannot be reached within seconds, or has no such name.
    """
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(checkpoint, timeout=_PROBE_SECONDS, files_metadata=True)
    except Exception as error:  # the hub's client raises errors of its transport, of varying types
        raise _hub_error(checkpoint, error) from error
    return sum(
        file.size or 0
        for file in info.siblings or []
        if any(fnmatch(file.rfilename, pattern) for pattern in _FILES)
    )


def fetch_checkpoint(checkpoint: str) -> Path:
    """Fetch a checkpoint from the hub into its cache.

    Returns:
        Its folder in the cache.

    Raises:
        CheckpointError: the hub cannot be reached, stops in the middle, or lacks files.
    """
    from huggingface_hub import snapshot_download

    hub_bytes(checkpoint)  # quick: offline, the download itself would retry for half a minute
    try:
        folder = Path(snapshot_download(checkpoint, allow_patterns=_FILES))
    except Exception as error:  # as above
        raise _hub_error(checkpoint, error) from error
    missing = _missing_files(folder)
    if missing:
        raise CheckpointError(f"{checkpoint} on the hub has no {' and no '.join(missing)}")
    return folder


def cached_bytes(checkpoint: str) -> int:
    """Count the bytes of a hub name in the hub's cache, those of unfinished files included."""
    from huggingface_hub import constants

    blobs = Path(constants.HF_HUB_CACHE, _CACHED_MODEL + checkpoint.replace("/", "--"), "blobs")
    total = 0
    for file in blobs.glob("*"):
        with suppress(FileNotFoundError):  # renamed meanwhile
            total += file.stat().st_size
    return total


def cached_checkpoints() -> list[str]:
    """List the SAM-family checkpoints that the hub's cache holds whole; nothing is fetched.

    Returns:
        Hub names: the default of `sam` first, then well-known ones, then others; the smaller
        weights first among each.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    ranks: list[tuple[bool, bool, int, str]] = []
    for entry in Path(constants.HF_HUB_CACHE).glob(f"{_CACHED_MODEL}*"):
        name = entry.name.removeprefix(_CACHED_MODEL).replace("--", "/")
        config = try_to_load_from_cache(name, "config.json")
        if not isinstance(config, str) or _model_type(Path(config)) not in MODEL_CLASSES:
            continue
        folder = find_cached(name)
        if folder is not None:
            size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
            is_default = name == SamConfig.checkpoint
            ranks.append((not is_default, find_licence(name) == UNKNOWN_LICENCE, size, name))
    return [name for *_, name in sorted(ranks)]


def load_segmenter(folder: Path, device: torch.device) -> Segmenter:
    """Load model and image processor from a folder found by `find_checkpoint`.

    Raises:
        CheckpointError: the model is not of the SAM family, the installed transformers does not
            have it, or some of its weights are missing.
    """
    import torch
    import transformers

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model_type = str(config.get("model_type"))
    if model_type not in MODEL_CLASSES:
        raise CheckpointError(
            f"{folder}: model_type {model_type!r} is not supported. Supported are "
            f"{', '.join(MODEL_CLASSES)}."
        )
    model_class = getattr(transformers, MODEL_CLASSES[model_type], None)
    if model_class is None:
        raise CheckpointError(
            f"{folder}: {model_type!r} needs a newer transformers than the installed "
            f"{transformers.__version__}. Run `pip install --upgrade transformers`."
        )
    model, loading = model_class.from_pretrained(
        folder, local_files_only=True, output_loading_info=True, dtype=torch.float32
    )
    if loading["missing_keys"]:
        some = ", ".join(sorted(loading["missing_keys"])[:3])
        raise CheckpointError(
            f"{folder}: {len(loading['missing_keys'])} weights of {model_class.__name__} are not "
            f"in the file ({some}, ...). Get a complete checkpoint."
        )
    processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    return Segmenter(model.eval().to(device), processor, model_type)


def _missing_files(folder: Path) -> list[str]:
    """Return descriptions of the files missing from a checkpoint folder; empty if complete."""
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    if not any(
        (folder / f"{stem}_config.json").is_file() for stem in ("preprocessor", "processor")
    ):
        missing.append("preprocessor_config.json (or processor_config.json)")
    if not any(folder.glob("*.safetensors")):
        missing.append("model.safetensors")
    return missing


def _model_type(config: Path) -> str | None:
    """Return the kind of model that a config.json names; None if it cannot be read."""
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = content.get("model_type") if isinstance(content, dict) else None
    return found if isinstance(found, str) else None


def _hub_error(checkpoint: str, error: Exception) -> CheckpointError:
    reason = str(error).strip().split("\n")[0] or type(error).__name__
    return CheckpointError(f"the hub did not give {checkpoint} ({reason})")


def _not_found(checkpoint: str, error: CheckpointError) -> str:
    """Return a message: what is missing, where it was looked for, and two ways to provide it."""
    from huggingface_hub import constants

    return (
        f"weights {checkpoint!r} not found: no folder {Path(checkpoint).absolute()}, not in the "
        f"hub cache {constants.HF_HUB_CACHE}, and {error}. Either run `hf download {checkpoint}` "
        "where there is a network and keep that cache, or copy a folder with config.json, "
        "preprocessor_config.json and model.safetensors here and name it."
    )
