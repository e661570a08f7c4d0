"""Networks that learn from what was bought: the proposer, and a segmenter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.quality.economy.objects import Work, masks_of, propose
from benchmarks.quality.economy.person import Bought, Costs, Label, favourite, fix
from benchmarks.quality.trial import sapnet
from sapnet.data.corrections import save_corrections
from sapnet.evaluation.evaluate import evaluate
from sapnet.geometry.rle import rle_to_json
from sapnet.structures.corrections import Correction, Corrections
from sapnet.system.files import write_json_atomic

TEACH_SHARE = 0.3
"""Part of the time that is spent on masks to teach the proposer, before the other clicks."""


def teach(work: Work, seconds: float, costs: Costs, out: Path) -> Bought:
    """Fix all labels of some images, teach the proposer with them, then click the others."""
    left, fixed = seconds * TEACH_SHARE, dict[int, Label]()
    for target in work.targets:
        label, took = fix(target, costs)
        left -= costs.click + took
        if left < 0:
            break
        fixed[target.instance.annotation_id] = label
    by_id = {click.annotation_id: click for click in work.clicks.clicks}
    decisions = {
        i: Correction(replace(by_id[i], mask=label.rle), "drawn" if label.is_drawn else "picked")
        for i, label in fixed.items()
    }
    out.mkdir(parents=True, exist_ok=True)
    corrections = Corrections(work.clicks.images, work.clicks.categories, decisions)
    data = save_corrections(out / "corrections.json", corrections)
    weights, images = out / "taught.safetensors", ("--images", work.one.train.images)
    if not weights.is_file():
        words = ("--data", data, *images, "--from", "embedded", "--out", weights)
        sapnet(out / "teach.log", "train-proposer", *words, "--run", out / "run", "--device", "cpu")
    others = tuple(c for c in work.clicks.clicks if c.annotation_id not in fixed)
    rest = others[: int(seconds * (1 - TEACH_SHARE) / costs.click)]
    if not rest:
        return fixed
    ids = {click.image_id for click in rest}
    images_left = tuple(image for image in work.clicks.images if image.image_id in ids)
    part = replace(work.clicks, images=images_left, clicks=rest)
    masks = masks_of(propose(work.one, part, out / "store", weights), work.one.train.truth)
    return fixed | {c.annotation_id: favourite(masks.get(c.annotation_id)) for c in rest}


def train(work: Work, bought: Bought, steps: int, out: Path) -> dict[str, float]:
    """Train a segmenter on the images whose objects were bought; return its figures on val."""
    records, ids = [], set[int]()
    for target in work.targets:
        label = bought.get(target.instance.annotation_id)
        if label is not None and label.iou > 0:
            ids.add(target.instance.image_id)
            entry = {"id": target.instance.annotation_id, "image_id": target.instance.image_id}
            entry |= {"category_id": target.instance.category_id, "iscrowd": 0}
            records.append({**entry, "segmentation": rle_to_json(label.rle)})
    masks, one = out / "masks.json", work.one
    images = [image for image in work.clicks.images if image.image_id in ids]
    content = {
        "images": [{"id": i.image_id, "file_name": i.file_name, "width": i.width,
                    "height": i.height} for i in images],
        "categories": [{"id": c.category_id, "name": c.name} for c in work.clicks.categories],
        "annotations": records,
    }  # fmt: skip
    write_json_atomic(masks, content)
    epochs = max(round(steps / max(-(-len(images) // 4), 1)), 1)
    words = ("--images", one.train.images, "--masks", masks, "--out", out / "run")
    common = ("--config", "small_images_cpu", "--supervision", "masks", "--device", "cpu")
    sizes = ("--model.augment.short_sides", "[160,192]", "--max-objects", 24)
    sapnet(out / "train.log", "train", *common, *words, *sizes, "--epochs", epochs, "--workers", 1)
    place = out / "predictions"
    found = ("--run", out / "run", "--images", one.val.images, "--out", place)
    sapnet(out / "predict.log", "predict", *found, "--no-pictures", "--device", "cpu")
    scored = evaluate(one.val.truth, predictions=place / "results.json")
    return {name: scored[name] for name in ("mask_ap", "mask_ap50")}
