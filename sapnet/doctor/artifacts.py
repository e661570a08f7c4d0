"""Examination of a proposal store and a training run, and of their fit to the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.clicks import load_clicks
from sapnet.data.matching.categories import match_categories
from sapnet.doctor.finding import Examination, Fact, Finding
from sapnet.structures.clicks import Category
from sapnet.system.files import read_json

if TYPE_CHECKING:
    from sapnet.store.reader import ProposalStore

MOSTLY = 0.5
"""Share of objects with a single candidate above which the store is reported."""


def examine_store(path: Path, clicks: Path | None) -> Examination:
    """Examine a proposal store.

    Args:
        path: folder of the store.
        clicks: the clicks file that it should have been made from; None skips the comparison.
    """
    from sapnet.store.reader import ProposalStore

    try:
        store = ProposalStore(path)
        damaged = [*_check_files(store)]
        findings = [*_check_complete(store), *(damaged or _check_objects(store))]
        if clicks is not None:
            findings += _check_same_clicks(store, clicks)
    except (OSError, ValueError) as error:
        return Examination(
            "proposals", findings=(Finding("error", "unreadable store", str(error)),)
        )
    facts = (
        Fact("store", str(path)),
        Fact("proposer", store.manifest.proposer),
        Fact("images", f"{store.num_images} of {store.manifest.num_images}"),
        Fact("objects", f"{len(store)} of {store.manifest.num_objects}"),
    )
    return Examination("proposals", facts, tuple(findings))


def _check_complete(store: ProposalStore) -> Iterator[Finding]:
    if not store.is_complete:
        message = f"it holds {store.num_images} of {store.manifest.num_images} images. Run the "
        message += "same `sapnet propose` again to finish it."
        yield Finding("error", "unfinished store", message, place=str(store.path))


def _check_files(store: ProposalStore) -> Iterator[Finding]:
    for path in store.damaged_files():
        shard = path.name.split(".")[0]
        message = "its content does not fit the checksum of its shard. Delete the two files "
        message += f"{shard}.* and run the same `sapnet propose` again; it makes what is missing."
        yield Finding("error", "damaged file", message, place=str(path))


def _check_objects(store: ProposalStore) -> Iterator[Finding]:
    """Find objects with the clicked pixel as the only candidate, and with a single candidate."""
    from sapnet.store.describe import CLICKED_PIXEL

    alone = 0
    for index in range(store.num_images):
        image = store.images[index]
        for stored in store.objects_of_image(index):
            if set(stored.proposals.prompts) <= {CLICKED_PIXEL}:
                yield Finding(
                    "warning",
                    "object without a candidate",
                    "the proposer gave no mask that holds a pixel; the clicked pixel stands in. "
                    "Check the click, or try another proposer.",
                    place=f"object {stored.click.annotation_id} (image {image.image_id}, "
                    f"{image.file_name})",
                    image_id=image.image_id,
                    annotation_id=stored.click.annotation_id,
                )
            alone += len(stored.proposals) == 1
    if len(store) and alone > MOSTLY * len(store):
        message = f"{alone} of {len(store)} objects have a single candidate: there is nothing to "
        message += "choose from. Propose more masks."
        yield Finding("warning", "nothing to choose from", message)


def _check_same_clicks(
    store: ProposalStore,
    clicks: Path,
) -> Iterator[Finding]:
    from sapnet.store.manifest import fingerprint

    try:
        loaded = load_clicks(clicks)
    except (OSError, ValueError):  # reported by the examination of the clicks
        return
    if fingerprint(loaded) != store.manifest.data_fingerprint:
        message = f"the store was made from other clicks than {clicks} holds now: "
        message += f"{store.manifest.num_objects} objects there, {len(loaded.clicks)} here. Run "
        message += "`sapnet propose` again: it proposes for what is new or changed."
        yield Finding("error", "store of other clicks", message, place=str(store.path))


def examine_run(path: Path, store: Path | None) -> Examination:
    """Examine a training run.

    Args:
        path: folder of the run.
        store: a proposal store whose categories the run should know; None skips the comparison.
    """
    if not path.is_dir():
        message = f"expected a run folder, found none at {path}. `sapnet train --out` writes one."
        return Examination("run", findings=(Finding("error", "no run", message),))
    facts = [Fact("folder", str(path))]
    try:
        findings = [*_check_progress(path, facts), *_check_sources(path)]
        findings += [*_check_categories(path, store, facts)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        findings = [Finding("error", "unreadable run", f"{path}: damaged ({error!r})")]
    return Examination("run", tuple(facts), tuple(findings))


def _check_progress(path: Path, facts: list[Fact]) -> Iterator[Finding]:
    """Check that the run has a network, is finished, and ended with finite losses."""
    if not (path / "model.safetensors").is_file():
        message = "no network yet: the first epoch is not finished. Run the same `sapnet train` "
        yield Finding("error", "no network", message + "again.", place=str(path))
    if not (path / "summary.json").is_file():
        message = "the training was not finished. Run the same `sapnet train` again to continue."
        yield Finding("warning", "unfinished run", message, place=str(path))
        return
    summary = read_json(path / "summary.json")
    figures = {name: value for name, value in summary["figures"].items()}
    facts.append(Fact("finished after", f"{summary['epochs']} epochs"))
    for name, value in figures.items():
        if name.startswith(("label_miou", "val_mask_ap")) and value is not None:
            facts.append(Fact(name, f"{value:.3f}"))
        if "loss" in name and (value is None or not math.isfinite(value)):
            message = f"the last {name} is not a number. Lower --optimizer.lr, or train with "
            yield Finding("error", "loss not finite", message + "--precision 32.", place=str(path))


def _check_sources(path: Path) -> Iterator[Finding]:
    """Check that the files that the run was started with still exist."""
    settings = read_json(path / "settings.json")
    for name, source in settings["files"].items():
        if not Path(source).exists():
            message = f"the {name} that the run was trained on are no longer at {source}: it can "
            yield Finding("warning", "source moved", message + "not be resumed.", place=str(path))


def _check_categories(path: Path, store: Path | None, facts: list[Fact]) -> Iterator[Finding]:
    config = path / "config.json"
    if not config.is_file():
        return
    categories = read_json(config)["categories"]
    names = {entry["category_id"]: entry["name"] for entry in categories}
    facts.append(Fact("categories", ", ".join(names.values())))
    if store is None:
        return
    from sapnet.store.layout import StoreError
    from sapnet.store.reader import ProposalStore

    known = [Category(number, name) for number, name in names.items()]
    try:
        used = ProposalStore(store).used_categories()
    except StoreError:  # examined on its own
        return
    for category in used:
        try:
            match_categories([category], known, "the store", "the run")
        except ValueError as error:
            message = f"{error} The run cannot label these clicks: train on them."
            yield Finding("error", "unknown category", message, place=str(path))
