"""Weights of torchvision's Mask R-CNN for COCO: by name, or from a file."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from sapnet.segmentation.others.config import BUILDERS

Build: TypeAlias = Callable[[str, int], nn.Module]

WEIGHTS = {
    "maskrcnn_resnet50_fpn": "MaskRCNN_ResNet50_FPN_Weights",
    "maskrcnn_resnet50_fpn_v2": "MaskRCNN_ResNet50_FPN_V2_Weights",
}
"""Weights of torchvision by the function that builds their network."""

NESTED = ("model", "state_dict", "model_state_dict")
"""Keys under which programs keep the weights in a larger file."""

HEADS = "roi_heads.box_predictor.cls_score.weight"
"""Weights with a row for each class and the background."""

ONLY_V2 = "backbone.fpn.inner_blocks.0.1.weight"
"""Weights that only the second version has: the norms of its pyramid."""

COUNTERS = "num_batches_tracked"
"""End of the names of what norms count; frozen ones have none."""

NO_NAME = "#"
"""Beginning of what stands for the name of a class that has none."""

COCO_ROWS = 91
"""Classes of torchvision's weights, the background and unused numbers included."""

PROBE_SECONDS = 5.0
"""Time that the server has to answer."""


def read_architecture(checkpoint: str) -> dict[str, Any]:
    """Read which network the weights are of.

    Args:
        checkpoint: a name of `BUILDERS`, one of torchvision's weights such as
            `MaskRCNN_ResNet50_FPN_Weights.COCO_V1`, or a file.

    Raises:
        FileNotFoundError: there is neither such a name nor such a file.
        ValueError: the file has no Mask R-CNN of torchvision.
    """
    name = checkpoint.partition(".")[0]
    for builder in BUILDERS:
        if checkpoint == builder or name == WEIGHTS[builder]:
            return {"builder": builder}
    return {"builder": _builder_of(_read_file(Path(checkpoint)))}


def load_state(checkpoint: str, build: Build) -> tuple[dict[str, Tensor], list[str]]:
    """Load weights.

    Args:
        checkpoint: as for `read_architecture`; weights by name are fetched unless torch's cache has
            them.
        build: builds the network of one of `BUILDERS` for a number of classes.

    Returns:
        Weights by torchvision's names, and the names of their classes in the order of the rows
        behind the background. Classes without a name are numbered.

    Raises:
        FileNotFoundError: there is no such file, or the weights cannot be fetched.
        ValueError: the file has no Mask R-CNN of torchvision.
    """
    from torchvision.models import get_weight

    kinds = {builder: f"{kind}.COCO_V1" for builder, kind in WEIGHTS.items()}
    is_name = checkpoint in kinds or checkpoint.partition(".")[0] in WEIGHTS.values()
    coco = get_weight(kinds[BUILDERS[0]]).meta["categories"]
    if is_name:
        state = _fetch(get_weight(kinds.get(checkpoint, checkpoint)))
    else:
        state = _read_file(Path(checkpoint))
    rows = len(state[HEADS])
    names = coco[1:] if rows == COCO_ROWS else []
    # "N/A" stands several times among COCO's.
    return _in_todays_names(state, checkpoint, build), [
        names[row] if names and names[row] != "N/A" else f"{NO_NAME}{row + 1}"
        for row in range(rows - 1)
    ]


def _in_todays_names(state: dict[str, Tensor], checkpoint: str, build: Build) -> dict[str, Tensor]:
    """Return weights under the names of the installed torchvision, which knows earlier ones."""
    network = build(_builder_of(state), len(state[HEADS]) - 1)
    try:
        missing, unknown = network.load_state_dict(state, strict=False)
    except RuntimeError as error:  # shapes that differ
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"--checkpoint {checkpoint}: another Mask R-CNN ({reason})") from error
    missing = [name for name in missing if not name.endswith(COUNTERS)]
    if missing or unknown:
        raise ValueError(
            f"--checkpoint {checkpoint}: expected the weights of torchvision's "
            f"{_builder_of(state)}, found {len(missing)} missing and {len(unknown)} unknown, such "
            f"as {[*missing, *unknown][0]}"
        )
    return _without_counters(network.state_dict())


def _builder_of(state: dict[str, Tensor]) -> str:
    return BUILDERS[1] if ONLY_V2 in state else BUILDERS[0]


def _fetch(weights: Any) -> dict[str, Tensor]:  # noqa: ANN401  # an enumeration of torchvision
    """Fetch weights, or take them from torch's cache."""
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        if not cached.is_file():
            # A download that cannot succeed would try for long.
            urllib.request.urlopen(weights.url, timeout=PROBE_SECONDS).close()
        state: dict[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
    except OSError as error:
        raise FileNotFoundError(
            f"--checkpoint {weights}: neither in torch's cache {cached} nor to be fetched "
            f"({error}). Fetch {weights.url} on another machine, and name the file"
        ) from error
    return _without_counters(state)


def _read_file(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(
            f"--checkpoint {path}: expected {' or '.join(BUILDERS)} (torchvision's weights for "
            "COCO) or a file of such weights, found no such file"
        )
    try:
        content = _load(path)
    except Exception as error:  # files may hold anything
        reason = str(error).strip().split("\n")[0][:200]
        raise ValueError(
            f"--checkpoint {path}: expected weights of torchvision's Mask R-CNN, found a file that "
            f"cannot be read as tensors ({reason})"
        ) from error
    for key in NESTED:
        content = content.get(key, content) if isinstance(content, dict) else content
    rows = content.get(HEADS) if isinstance(content, dict) else None
    if not isinstance(rows, Tensor) or rows.ndim != 2 or len(rows) < 2:
        raise ValueError(
            f"--checkpoint {path}: expected weights of torchvision's {' or '.join(BUILDERS)}, "
            f"found none under the name {HEADS}"
        )
    return _without_counters({k: v for k, v in content.items() if isinstance(v, Tensor)})


def _load(path: Path) -> Any:  # noqa: ANN401  # files may hold anything
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _without_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.endswith(COUNTERS)}
