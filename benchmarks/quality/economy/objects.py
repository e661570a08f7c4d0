"""The objects of a set in the order in which a person meets them, with their candidates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.quality.economy.person import Masks, Target
from benchmarks.quality.real_sets.sets import RealSet
from benchmarks.quality.trial import sapnet
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.evaluation.alignment import truth_for_store
from sapnet.evaluation.judged import judge_aligned
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import ClickSet


def drawn_order(clicks: ClickSet, seed: int, most: int) -> tuple[int, ...]:
    """Return image ids in a drawn order, as many as hold that many objects."""
    counts = {image.image_id: 0 for image in clicks.images}
    for click in clicks.clicks:
        counts[click.image_id] += 1
    ids = [i for i, count in counts.items() if count]
    order = np.random.default_rng(seed).permutation(len(ids))
    ends = np.cumsum([counts[ids[k]] for k in order])
    return tuple(ids[k] for k in order[: int(np.searchsorted(ends, most)) + 1])


def propose(one: RealSet, clicks: ClickSet, out: Path, weights: Path | None = None) -> Path:
    """Propose for clicks, unless that is done; return the store."""
    path, store = out.with_suffix(".json"), out
    save_clicks(path, clicks)
    words = ("--images", one.train.images, "--clicks", path, "--out", store)
    taught = () if weights is None else ("--checkpoint", weights)
    sapnet(out.with_suffix(".log"), "propose", *words, "--proposer", "click", *taught)
    return store


def masks_of(store: Path, truth: Path) -> dict[int, Masks]:
    """Return the candidates of all objects of a store with their IoUs."""
    opened = ProposalStore(store)
    aligned = truth_for_store(opened, load_instances(truth))
    return {
        entry.stored.click.annotation_id: Masks(
            entry.ious, entry.stored.proposals.scores, tuple(entry.stored.proposals.rles)
        )
        for entry in judge_aligned(opened, aligned)
        if len(entry.stored.proposals)
    }


@dataclass(frozen=True)
class Work:
    """The objects of a set in the order in which a person meets them.

    Attributes:
        one: the set.
        clicks: on the drawn images alone.
        targets: image by image.
    """

    one: RealSet
    clicks: ClickSet
    targets: tuple[Target, ...]


def prepare(one: RealSet, out: Path, seed: int, most: int) -> Work:
    """Draw images, and propose for their objects by click, and by click and box."""
    truth = load_instances(one.train.truth)
    given = one.train.clicks
    clicks = load_clicks(given) if given else sample_clicks(truth, "quasi-center", 0)
    order = drawn_order(clicks, seed, most)
    images = {image.image_id: image for image in clicks.images}
    true = {i.annotation_id: i for i in truth.instances if not i.is_crowd}
    found = [c for i in order for c in clicks.clicks if c.image_id == i and c.annotation_id in true]
    part = replace(clicks, images=tuple(images[i] for i in order), clicks=tuple(found))
    boxed = tuple(replace(c, box=true[c.annotation_id].box) for c in found)
    by_click = masks_of(propose(one, part, out / "clicked"), one.train.truth)
    by_box = masks_of(propose(one, replace(part, clicks=boxed), out / "boxed"), one.train.truth)
    targets = [
        Target(true[c.annotation_id], by_click.get(c.annotation_id), by_box.get(c.annotation_id))
        for c in found
    ]
    return Work(one, part, tuple(targets))
