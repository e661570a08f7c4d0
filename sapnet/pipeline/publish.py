"""Publication of a trained network on the Hugging Face hub, with a model card."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sapnet.network.find import CONFIG_FILE, WEIGHTS_FILE, check_network
from sapnet.pipeline.plan import METRICS
from sapnet.system.files import read_json, write_text_atomic
from sapnet.training.run_folder import SUMMARY

if TYPE_CHECKING:
    from collections.abc import Mapping

CARD = "README.md"

FIGURES = {
    "label_miou": "label mIoU, clicked images",
    "mask_ap": "mask AP, held-out images",
    "mask_ap50": "mask AP50, held-out images",
    "mask_ap75": "mask AP75, held-out images",
    "val_mask_ap": "mask AP, validation images",
    "val_mask_ap50": "mask AP50, validation images",
}
"""Figures of the card, by their names in the files of a run."""

UNKNOWN = "not stated"


@dataclass(frozen=True)
class CardFacts:
    """Facts of a model card that only the author knows.

    Attributes:
        licence: of the weights, as the hub spells it, such as "apache-2.0"; None if not stated.
        data: name and origin of the training images; None if not stated.
        data_licence: licence of the training images; None if not stated.
    """

    licence: str | None = None
    data: str | None = None
    data_licence: str | None = None


def push(run: Path, to: str, facts: CardFacts, *, private: bool = False) -> str:
    """Upload the network of a run with its card; nothing else of the run is uploaded.

    Args:
        run: run folder.
        to: USER/NAME on the hub; made if it does not exist. The token is that of `hf auth login`.
        facts: what the card says beyond the run's own files.
        private: true if a new repository is not for everybody.

    Returns:
        The address of the repository.

    Raises:
        FileNotFoundError: the run holds no network.
        OSError: the hub refuses, or cannot be reached.
        ValueError: `to` is no name of a repository.
    """
    from huggingface_hub import HfApi

    if to.count("/") != 1 or not all(to.split("/")):
        raise ValueError(f"--to: expected USER/NAME, found {to!r}")
    card = model_card(run, to, facts)
    with TemporaryDirectory(prefix="sapnet-") as folder:
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            shutil.copy(run / name, Path(folder) / name)
        write_text_atomic(Path(folder) / CARD, card)
        try:
            hub = HfApi()
            hub.create_repo(to, private=private, exist_ok=True)
            hub.upload_folder(repo_id=to, folder_path=folder, commit_message="Upload with sapnet")
        except Exception as error:  # the client raises exceptions of its transport, which change
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise OSError(
                f"{to}: the hub did not take it ({reason}). Log in with `hf auth login`, check the "
                "name and the connection, and push again"
            ) from error
    return f"https://huggingface.co/{to}"


def model_card(run: Path, name: str, facts: CardFacts) -> str:
    """Write the card of a run as Markdown with the hub's header.

    Args:
        run: run folder.
        name: USER/NAME on the hub, for the example.
        facts: what the run's files do not say.

    Raises:
        FileNotFoundError: the run holds no network.
        ValueError: a file of the run is damaged.
    """
    check_network(run)
    config = _read_config(run / CONFIG_FILE)
    names = [entry["name"] for entry in config["categories"]]
    licence = [] if facts.licence is None else [f"license: {facts.licence}"]
    header = ["---", "library_name: sapnet", "pipeline_tag: image-segmentation", *licence]
    header += ["tags:", "- instance-segmentation", "- point-supervision", "---"]
    rows = [f"| {FIGURES[key]} | {value:.3f} |" for key, value in _figures(run).items()]
    figures = ["| figure | value |", "|---|---|", *rows] if rows else ["No figures were measured."]
    settings: Mapping[str, Any] = config["settings"]
    return "\n".join(
        [
            *header,
            "",
            f"# {name.rpartition('/')[2]}",
            "",
            "An instance segmenter trained from one click per object with `sapnet`, an "
            "implementation of [SAPNet](https://arxiv.org/abs/2312.15895).",
            "",
            "```python",
            "from sapnet import SAPNet",
            "",
            f'SAPNet.from_pretrained("{name}").predict("photo.jpg", score_threshold=0.3)',
            "```",
            "",
            f"* Categories: {', '.join(names)}.",
            f"* {_network_line(settings)}; input sides {settings['augment']['short_sides']} px.",
            f"* Training images: {facts.data or UNKNOWN}; their licence: "
            f"{facts.data_licence or UNKNOWN}.",
            f"* Licence of these weights: {facts.licence or UNKNOWN}.",
            "",
            "## Figures",
            "",
            *figures,
            "",
        ]
    )


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)


def _read_config(path: Path) -> dict[str, Any]:
    """Read the settings of a network.

    Raises:
        ValueError: the file is damaged.
    """
    content = read_json(path)
    try:
        texts = [entry["name"] for entry in content["categories"]]
        texts.append(content["settings"]["backbone"])
        sides = content["settings"]["augment"]["short_sides"]
        other = content["settings"].get("other")
        texts += [] if other is None else [other["name"], other["checkpoint"] or ""]
    except (KeyError, TypeError, IndexError, AttributeError):
        texts = [None]
    if not all(isinstance(text, str) for text in texts) or not isinstance(sides, list):
        raise ValueError(
            f"{path}: expected the settings of a network, found something else. Copy it again"
        )
    found: dict[str, Any] = content
    return found


def _network_line(settings: Mapping[str, Any]) -> str:
    """Name the segmenter, and the backbone or the weights that it began with."""
    other = settings.get("other")
    if other is None:
        return f"Backbone: {settings['backbone']}"
    began = other["checkpoint"]
    source = f"backbone {settings['backbone']}" if began is None else f"fine-tuned from {began}"
    return f"Segmenter: {other['name']}, {source}"


def _figures(run: Path) -> dict[str, float]:
    """Collect the figures that the run's files hold."""
    found: dict[str, float] = {}
    for name in (SUMMARY, METRICS):
        path = run / name
        if path.is_file():
            content = read_json(path)
            figures = content.get("figures", content) if isinstance(content, dict) else None
            if not isinstance(figures, dict):
                raise ValueError(f"{path}: expected figures by name. Delete the file")
            found |= figures
    return {key: found[key] for key in FIGURES if _is_number(found.get(key))}
