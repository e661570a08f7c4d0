"""`sapnet.evaluate`: labels, proposals and predictions against ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from sapnet.api.options import check_names
from sapnet.system.locations import Location


@dataclass(frozen=True)
class EvaluateSummary:
    """Figures of an evaluation.

    `summary["mask_ap"]` is short for `summary.figures["mask_ap"]`.

    Attributes:
        figures: figures by name, as `sapnet evaluate` prints them.
        out: json file with the figures; None if none was written.
    """

    figures: Mapping[str, float]
    out: Path | None = None

    def __getitem__(self, name: str) -> float:
        """Return a figure by its name.

        Raises:
            KeyError: there is no such figure; the message lists those there are.
        """
        if name not in self.figures:
            raise KeyError(f"{name}: expected one of {', '.join(self.figures)}")
        return self.figures[name]


class EvaluateOptions(TypedDict, total=False):
    """Further options of `sapnet evaluate`.

    Attributes:
        by: "origin" adds the labels' figures by where each mask comes from: `label_miou/KIND`.
        out: json file to write the figures to.
    """

    by: Literal["origin"] | None
    out: Path | str | None


def evaluate(
    truth: Path | str,
    *,
    labels: Path | str | None = None,
    proposals: Location | None = None,
    predictions: Path | str | None = None,
    min_area: float = 0.0,
    **options: Unpack[EvaluateOptions],
) -> EvaluateSummary:
    """Score labels, proposals or predictions against ground truth, as `sapnet evaluate`.

    Args:
        truth: COCO instance json.
        labels: file of `label`; together with `proposals` the choice is compared with the
            proposer's own and the best possible one.
        proposals: store of `propose`.
        predictions: COCO results json, as `predict` writes.
        min_area: least true area in pixels of an object that counts, for labels and proposals.
        options: those of `EvaluateOptions`.

    Raises:
        FileNotFoundError: a file is missing.
        TypeError: an option is unknown.
        ValueError: nothing to score was given, or a file does not fit the ground truth.
    """
    from sapnet.evaluation.evaluate import evaluate as compute_figures
    from sapnet.system.files import write_json_atomic

    check_names("evaluate", options, EvaluateOptions.__optional_keys__)
    if options.get("by") not in (None, "origin"):
        raise ValueError(f"evaluate: by: expected origin, found {options['by']!r}")
    figures = compute_figures(
        truth,
        labels=labels,
        proposals=proposals,
        predictions=predictions,
        min_area=min_area,
        by_origin=options.get("by") == "origin",
    )
    out = options.get("out")
    written = None if out is None else write_json_atomic(out, figures)
    return EvaluateSummary(figures, written)
