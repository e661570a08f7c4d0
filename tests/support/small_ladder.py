"""A ladder on disk without any training: a synthetic set, simulated proposals, labels by rule."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.ladder.page.file import LadderFolder
from sapnet.data.clicks import save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.coco_json import frame_records
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.evaluation.evaluate import evaluate
from sapnet.geometry.rle import rle_to_json
from sapnet.pipeline.proposing import propose
from sapnet.proposals.config import ProposeConfig
from sapnet.store.reader import ProposalStore
from sapnet.structures.proposals import StoredObject
from sapnet.system.files import write_json_atomic

Rule = Callable[[StoredObject], int]
"""Which proposal of an object is its label."""


def favourite(stored: StoredObject) -> int:
    return int(stored.proposals.scores.argmax())


def first_of_kind(kind: str) -> Rule:
    """The first proposal of a kind, the favourite where there is none."""

    def choose(stored: StoredObject) -> int:
        prompts = stored.proposals.prompts
        return prompts.index(kind) if kind in prompts else favourite(stored)

    return choose


def write_data(root: Path, cfg: SyntheticConfig, seed: int = 0) -> LadderFolder:
    """Clicked and held-out images, clicks and simulated proposals of one seed."""
    folder = LadderFolder(root, seed)
    paths = write_synthetic(folder.truth.parent, cfg)
    write_synthetic(folder.test_truth.parent, cfg)
    clicks = folder.truth.with_name("clicks.json")
    save_clicks(clicks, sample_clicks(load_instances(paths.truth), "quasi-center", seed))
    settings = ProposeConfig(
        paths.images, clicks, folder.proposals, proposer="simulated", file=paths.parts, workers=1
    )
    propose(settings)
    return folder


def write_labels(folder: LadderFolder, system: str, choose: Rule) -> dict[str, float]:
    """Labels chosen by a rule; their figures."""
    store = ProposalStore(folder.proposals)
    annotations = [
        {
            "id": stored.click.annotation_id,
            "image_id": stored.click.image_id,
            "category_id": stored.click.category_id,
            "segmentation": rle_to_json(stored.proposals.rles[choose(stored)]),
            "score": float(stored.proposals.scores[choose(stored)]),
            "point": list(stored.click.point),
        }
        for index in range(store.num_images)
        for stored in store.objects_of_image(index)
    ]
    frame = frame_records(store.images, store.categories)
    path = write_json_atomic(folder.labels(system), {**frame, "annotations": annotations})
    return evaluate(folder.truth, labels=path, proposals=folder.proposals)


def write_predictions(folder: LadderFolder, system: str, keep: int) -> dict[str, float]:
    """The true masks of the held-out images, one of `keep` as a wrong category; their figures."""
    truth = load_instances(folder.test_truth)
    ids = [category.category_id for category in truth.categories]
    records = [
        {
            "image_id": instance.image_id,
            "category_id": instance.category_id if place % keep else ids[place % len(ids)],
            "segmentation": rle_to_json(instance.rle()),
            "score": 0.9 - 0.001 * place % 0.5,
        }
        for place, instance in enumerate(truth.instances)
    ]
    path = write_json_atomic(folder.predictions(system), records)
    return evaluate(folder.test_truth, predictions=path)


def estimates(figures: dict[str, float], std: float | None = None) -> dict[str, Any]:
    """Figures as a ladder has them."""
    names = ("label_miou", "gap", "share_", "mask_ap", "box_ap")
    return {
        name: {"mean": value, "std": std}
        for name, value in figures.items()
        if name.startswith(names)
    }


def system(title: str, group: str = "paper", paper: float | None = None, **own: Any) -> Any:  # noqa: ANN401
    return {"title": title, "group": group, "adds_to": None, "paper_mask_ap": paper, **own}


def document(systems: dict[str, Any], seeds: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """The content of a ladder.json."""
    return {
        "scale": "tiny",
        "date": "2026-01-31",
        "command": "python -m benchmarks.ladder --scale tiny",
        "machine": "2 cores, 4 GiB, no GPU",
        "minutes": 1.5,
        "seeds": list(seeds),
        "data": {
            "train_images": 8,
            "test_images": 8,
            "objects": 14,
            "oracle_miou": {"mean": 0.94, "std": None},
        },
        "systems": systems,
    }


def save(root: Path, content: dict[str, Any]) -> Path:
    return write_json_atomic(root / "ladder.json", content)
