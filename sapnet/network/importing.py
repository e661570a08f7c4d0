"""Import of SOLOv2 checkpoints of mmdetection and of the authors' SAPNet as a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sapnet.batches.config import AugmentConfig
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.convert import (
    HEAD_PREFIX,
    NECK_PREFIX,
    convert_mmdet_head,
    convert_mmdet_neck,
)
from sapnet.structures.clicks import Category
from sapnet.system.lock import locked
from sapnet.system.tensors import load_pickled

if TYPE_CHECKING:
    from collections.abc import Sequence

BACKBONE_PREFIX = "backbone."

PREFIXES = (BACKBONE_PREFIX, NECK_PREFIX, HEAD_PREFIX)
"""Beginnings of the names that are imported."""

RESNETS: dict[tuple[bool, tuple[int, ...]], str] = {
    (False, (2, 2, 2, 2)): "resnet18",
    (False, (3, 4, 6, 3)): "resnet34",
    (True, (3, 4, 6, 3)): "resnet50",
    (True, (3, 4, 23, 3)): "resnet101",
}
"""Name of a backbone by whether its blocks are bottlenecks, and by their numbers."""

GROUPS = re.compile(r"\bnum_groups=(\d{1,4})\b")
GRIDS = re.compile(r"\bnum_grids=[\[(]([\d,\s]{1,200})[\])]")
"""Settings of mmdetection in the text of a checkpoint."""

NUM_NAMED = 5
"""Names that a message lists."""


@dataclass(frozen=True)
class ImportSummary:
    """Summary of an import.

    Attributes:
        run: folder of the network.
        backbone: name of its backbone.
        categories: names of its categories.
        left_over: names of the checkpoint that the network has no place for.
    """

    run: Path
    backbone: str
    categories: tuple[str, ...]
    left_over: tuple[str, ...]


def import_checkpoint(
    file: Path,
    out: Path,
    classes: Sequence[str] = (),
    augment: AugmentConfig | None = None,
) -> ImportSummary:
    """Write the SOLOv2 of a checkpoint as a run for `sapnet predict`.

    The part that chooses proposals for clicks has no counterpart there and is random: `sapnet
    label` asks for a training on clicks. Grids and groups of the norms are those of the settings
    that the checkpoint holds; the published ones if it holds none.

    Args:
        file: checkpoint of mmdetection, `.pth`.
        out: folder to write; new or empty.
        classes: names of the categories in the order of the checkpoint; those of its metadata if
            empty.
        augment: sizes of the input; mmdetection's usual 800 and 1333 px if None.

    Raises:
        FileExistsError: the folder holds files.
        FileNotFoundError: there is no such file.
        ValueError: the file is no checkpoint, has no SOLOv2 or another backbone, or its names do
            not fit; the message lists them.
    """
    with locked(out):
        return _import(file, out, classes, augment)


def _import(
    file: Path, out: Path, classes: Sequence[str], augment: AugmentConfig | None
) -> ImportSummary:
    if out.is_dir() and any(out.iterdir()):
        raise FileExistsError(f"{out}: expected a new folder, found files in it. Name another.")
    content = _load(file)
    state = content.get("state_dict", content)
    state = {str(name): value for name, value in state.items() if isinstance(value, Tensor)}
    try:
        settings = _describe(
            state, _written_config(content), augment or AugmentConfig((800,), 1333)
        )
        names = _names(content, state, classes)
        network = Network(settings, tuple(Category(i + 1, n) for i, n in enumerate(names)))
        used = _fill(network, state)
    except (ValueError, LookupError, RuntimeError) as error:  # the last two of odd shapes
        raise ValueError(f"{file}: {error}") from error
    network.save_pretrained(out)
    left_over = tuple(sorted(name for name in state if name not in used))
    return ImportSummary(out, settings.backbone, names, left_over)


def _load(file: Path) -> dict[str, Any]:
    try:
        content: object = load_pickled(file, what="tensors, a checkpoint")
    except ValueError as error:
        raise ValueError(
            f"{error}. Where you trust it, keep its tensors alone: state = torch.load(FILE, "
            "weights_only=False)['state_dict']; torch.save({'state_dict': state}, NEW)"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not (isinstance(content, dict) and isinstance(state, dict)):
        raise ValueError(f"{file}: expected a dictionary of tensors, found {type(state).__name__}")
    found: dict[str, Any] = content
    return found


def _written_config(content: Mapping[str, Any]) -> dict[str, Any]:
    """Read what the weights do not tell from the settings that mmdetection keeps beside them.

    Args:
        content: of the checkpoint. Its metadata holds the settings as text: `cfg` of version 3,
            `config` of version 2.

    Returns:
        Fields of `SOLOv2Config`; those that the text does not name once and for all are left out.
    """
    meta = content.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    text = meta.get("cfg") or meta.get("config")
    if not isinstance(text, str):
        return {}
    found: dict[str, Any] = {}
    groups, grids = set(GROUPS.findall(text)), set(GRIDS.findall(text))
    if len(groups) == 1:
        found["norm_groups"] = int(*groups)
    if len(grids) == 1:
        found["num_grids"] = tuple(int(side) for side in re.findall(r"\d+", *grids))
    return found


def _describe(
    state: Mapping[str, Tensor], written: Mapping[str, Any], augment: AugmentConfig
) -> ModelConfig:
    """Read the sizes of the network off the shapes of its weights.

    Args:
        state: the weights.
        written: fields of `SOLOv2Config` that the shapes do not tell.
        augment: sizes of the input.
    """
    blocks = tuple(
        len({m[1] for n in state if (m := re.match(rf"backbone\.layer{i}\.(\d+)\.", n))})
        for i in range(1, 5)
    )
    backbone = RESNETS.get(("backbone.layer1.0.conv3.weight" in state, blocks))
    if backbone is None:
        raise ValueError(
            f"expected the backbone {', '.join(RESNETS.values())}, found blocks {blocks}"
        )
    head = "mask_head."
    tower = {m[1] for n in state if (m := re.match(r"mask_head\.cls_convs\.(\d+)\.", n))}
    branch = f"{head}mask_feature_head.conv_pred.conv.weight"
    needed = (f"{head}cls_convs.0.conv.weight", branch, "neck.lateral_convs.0.conv.weight")
    if missing := [name for name in needed if name not in state]:
        raise ValueError(f"expected a SOLOv2 with a pyramid, found none of {', '.join(missing)}")
    segmentation = SOLOv2Config(
        stacked_convs=len(tower),
        channels=state[needed[0]].shape[0],
        mask_branch_channels=state[branch].shape[1],
        mask_feature_channels=state[branch].shape[0],
        **written,
    )
    return ModelConfig(
        backbone=backbone,
        weights="none",
        start="none",
        fpn_channels=state[needed[2]].shape[0],
        augment=augment,
        segmentation=segmentation,
        selects=False,
    )


def _names(
    content: Mapping[str, Any], state: Mapping[str, Tensor], classes: Sequence[str]
) -> tuple[str, ...]:
    """Return the names of the categories: as given, or those of the checkpoint's metadata."""
    meta = content.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    later = meta.get("dataset_meta")
    found = classes or meta.get("CLASSES") or (isinstance(later, dict) and later.get("classes"))
    found = found if isinstance(found, str | list | tuple) else ()
    names = (found,) if isinstance(found, str) else tuple(map(str, found))
    count = state["mask_head.conv_cls.weight"].shape[0]
    if len(names) != count:
        raise ValueError(
            f"expected the names of its {count} categories, found {len(names)}. Give them in their "
            "order with --classes"
        )
    return names


def _fill(network: Network, state: Mapping[str, Tensor]) -> set[str]:
    """Load the weights into a network.

    Returns:
        The names that were used.

    Raises:
        ValueError: names or shapes do not fit.
    """
    body = {
        name.removeprefix(BACKBONE_PREFIX): value
        for name, value in state.items()
        if name.startswith(BACKBONE_PREFIX)
    }
    parts = (
        (network.backbone.body, body, "backbone"),
        (network.fpn, convert_mmdet_neck(state), "pyramid"),
        (network.segmenter, convert_mmdet_head(state), "head"),
    )
    for module, weights, title in parts:
        own = {k: tuple(v.shape) for k, v in module.state_dict().items()}
        wrong = [
            f"{name} ({'missing' if name not in weights else 'unknown' if name not in own else ''}"
            f"{'' if name not in weights or name not in own else 'of another size'})"
            for name in sorted(own.keys() | weights.keys())
            if not name.endswith("num_batches_tracked")
            and (name not in weights or own.get(name) != tuple(weights[name].shape))
        ]
        if wrong:
            more = f" and {len(wrong) - NUM_NAMED} more" if len(wrong) > NUM_NAMED else ""
            raise ValueError(f"the {title} does not fit: {', '.join(wrong[:NUM_NAMED])}{more}")
        module.load_state_dict(weights, strict=False)
    return {name for name in state if name.startswith(PREFIXES)}
