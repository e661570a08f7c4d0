"""The file of an audit: the sample that was drawn from labels, and the judgements so far."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

import numpy as np

from sapnet.evaluation.audit.sample import SIZES, Stratum, draw_sample, size_of
from sapnet.geometry.rle import rle_areas
from sapnet.system.files import read_json, write_json_atomic

if TYPE_CHECKING:
    from sapnet.evaluation.label_file import Label, LabelSet

Judgement: TypeAlias = Literal["keep", "fix", "wrong"]
"""Right as it is; the object is there, but its mask must change; another object or none at all."""

JUDGEMENTS: tuple[Judgement, ...] = get_args(Judgement)

AUDIT_NAME = "audit.json"
"""Name of the file, beside the labels."""

DEFAULT_NUM = 200
"""Labels of a sample; more where there are more categories and sizes."""


@dataclass(frozen=True)
class SampledLabel:
    """A label of the sample.

    Attributes:
        annotation_id: id of the object.
        stratum: its category and size.
        uncertainty: of the label; None where the labels have none.
        doubt_rank: share of all labels that are more uncertain, in [0, 1]; None likewise.
        mask: digest of the label, which tells if it has changed since.
        judgement: of the person; None while there is none.
    """

    annotation_id: int
    stratum: Stratum
    uncertainty: float | None
    doubt_rank: float | None
    mask: str
    judgement: Judgement | None = None


@dataclass(frozen=True)
class Audit:
    """A sample of labels and the judgements of it.

    Attributes:
        labels: the label file.
        seed: seed of the sample.
        categories: names by category id.
        totals: number of labels of each stratum.
        sample: the drawn labels, in the order of judging.
    """

    labels: str
    seed: int
    categories: Mapping[int, str]
    totals: Mapping[Stratum, int]
    sample: tuple[SampledLabel, ...]

    @property
    def num_judged(self) -> int:
        """Number of judgements so far."""
        return sum(entry.judgement is not None for entry in self.sample)

    def judged(self, number: int, judgement: Judgement | None) -> Audit:
        """Return the audit with another judgement of the label `number` of the sample."""
        sample = list(self.sample)
        sample[number] = replace(sample[number], judgement=judgement)
        return replace(self, sample=tuple(sample))


def draw_audit(
    path: Path | str, labels: LabelSet, num: int | None, seed: int, before: Audit | None = None
) -> Audit:
    """Draw the sample of an audit.

    Args:
        path: the label file, for the audit's file and for messages.
        labels: its content.
        num: size of the sample; by default `DEFAULT_NUM`, or that of `before`.
        seed: of the sample.
        before: an audit of the same labels and seed, whose sample and judgements are kept.

    Raises:
        ValueError: there are no labels, fewer draws than strata, or `before` is of other labels or
            of another seed.
    """
    found = list(labels.labels.values())
    if not found:
        raise ValueError(f"{path}: expected labels to audit, found none")
    areas = rle_areas([label.rle for label in found])
    strata = [Stratum(e.category_id, size_of(a)) for e, a in zip(found, areas, strict=True)]
    totals = Counter(strata)
    places = {label.annotation_id: place for place, label in enumerate(found)}
    drawn: list[int] = []
    if before is not None:
        _check_same(path, before, labels, seed)
        drawn = [places[entry.annotation_id] for entry in before.sample]
    count = num or max(DEFAULT_NUM, len(totals), len(drawn))
    ranks = doubt_ranks([label.uncertainty for label in found])
    fresh = {
        found[place].annotation_id: SampledLabel(
            found[place].annotation_id,
            strata[place],
            found[place].uncertainty,
            ranks[place],
            label_digest(found[place]),
        )
        for place in draw_sample(strata, max(count, len(drawn)), seed, drawn)
    }
    kept = {} if before is None else {e.annotation_id: e for e in before.sample}
    return Audit(
        str(path),
        seed,
        {category.category_id: category.name for category in labels.categories},
        {stratum: totals[stratum] for stratum in sorted(totals)},
        tuple((fresh | kept)[key] for key in fresh),
    )


def doubt_ranks(uncertainty: list[float | None]) -> list[float | None]:
    """Return the share of values that are larger, half of the equal ones included.

    All are None where one value is.
    """
    if any(value is None for value in uncertainty):
        return [None] * len(uncertainty)
    values = np.asarray(uncertainty, np.float64)
    ordered = np.sort(values)
    larger = len(values) - np.searchsorted(ordered, values, side="right")
    equal = np.searchsorted(ordered, values, side="right") - np.searchsorted(ordered, values)
    return [float(rank) for rank in (larger + equal / 2) / max(len(values), 1)]


def label_digest(label: Label) -> str:
    """Return a digest of everything that is judged of a label."""
    content = f"{label.image_id} {label.category_id} {label.rle['size']} {label.rle['counts']!r}"
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _check_same(path: Path | str, audit: Audit, labels: LabelSet, seed: int) -> None:
    if audit.seed != seed:
        raise ValueError(
            f"expected the seed {audit.seed} of the audit that was begun, found {seed}. Name "
            "another --out for another sample."
        )
    if what := changed_since(audit, labels):
        raise ValueError(
            f"{path}: the labels have changed since the audit was begun ({what}). Judgements of "
            "other labels say nothing about these: name another --out."
        )


def changed_since(audit: Audit, labels: LabelSet) -> str:
    """Return what has changed of the labels since an audit was begun; empty for nothing."""
    for entry in audit.sample:
        label = labels.labels.get(entry.annotation_id)
        if label is None or label_digest(label) != entry.mask:
            return f"object {entry.annotation_id}"
    same_number = sum(audit.totals.values()) == len(labels.labels)
    return "" if same_number else "the number of labels"


def save_audit(path: Path | str, audit: Audit) -> Path:
    """Write an audit, atomically."""
    content = {
        "labels": audit.labels,
        "seed": audit.seed,
        "categories": [{"id": key, "name": name} for key, name in audit.categories.items()],
        "strata": [{**asdict(s), "num_labels": count} for s, count in audit.totals.items()],
        "sample": [_to_record(entry) for entry in audit.sample],
    }
    return write_json_atomic(path, content)


def _to_record(entry: SampledLabel) -> dict[str, Any]:
    values = asdict(entry)
    return {"id": values.pop("annotation_id"), **values.pop("stratum"), **values}


def load_audit(path: Path) -> Audit:
    """Read the file of an audit.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is malformed; the message names the entry.
    """
    content = read_json(path, "Write it with `sapnet audit`.")
    place = "the file"
    try:
        categories = {int(entry["id"]): str(entry["name"]) for entry in content["categories"]}
        totals = {_stratum(e): _count(e["num_labels"]) for e in content["strata"]}
        sample = []
        for number, record in enumerate(content["sample"], 1):
            place = f"entry {number} of 'sample'"
            sample.append(_from_record(record))
            if totals.get(sample[-1].stratum, 0) == 0 or record["category_id"] not in categories:
                raise ValueError(f"its category and size are not in 'strata': {record}")
            if len({entry.annotation_id for entry in sample}) < number:
                raise ValueError(f"its id {record['id']} is there twice")
        return Audit(
            str(content["labels"]), int(content["seed"]), categories, totals, tuple(sample)
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ValueError(
            f"{path}, {place}: expected the file of an audit, found {repr(error)[:300]}. "
            "Correct it, or name another file."
        ) from error


def _from_record(record: Mapping[str, Any]) -> SampledLabel:
    judgement = record.get("judgement")
    if judgement not in (None, *JUDGEMENTS):
        raise ValueError(f"'judgement' {judgement!r}, not one of {', '.join(JUDGEMENTS)}")
    return SampledLabel(
        int(record["id"]),
        _stratum(record),
        _share(record, "uncertainty"),
        _share(record, "doubt_rank"),
        str(record["mask"]),
        cast("Judgement | None", judgement),
    )


def _stratum(record: Mapping[str, Any]) -> Stratum:
    if record["size"] not in SIZES:
        raise ValueError(f"'size' {record['size']!r}, not one of {', '.join(SIZES)}")
    return Stratum(int(record["category_id"]), record["size"])


def _share(record: Mapping[str, Any], key: str) -> float | None:
    value = record[key]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{key!r} {value!r}, not a number in [0, 1]")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"'num_labels' {value!r}, not a positive integer")
    return value
