"""Figures of a ladder of systems, as `python -m benchmarks.ladder` measures them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Group = Literal["paper", "ours", "supervised"]
"""Origin of a system. Those with other supervision than clicks come last."""


@dataclass(frozen=True)
class Estimate:
    """Mean of a figure over seeds, and its standard deviation (None with one seed)."""

    mean: float
    std: float | None = None


@dataclass(frozen=True)
class LabelFigures:
    """Quality of the labels of the clicked images; None where there was nothing to count.

    Attributes:
        miou: mean IoU with the truth, in [0, 1].
        small: the same for small objects.
        medium: the same for medium objects.
        large: the same for large objects.
        gap: the paper's gap statistic, Eq. (10).
        shares: share of the labels by the kind of the chosen proposal, each in [0, 1].
    """

    miou: Estimate
    small: Estimate | None
    medium: Estimate | None
    large: Estimate | None
    gap: Estimate | None
    shares: Mapping[str, Estimate]


@dataclass(frozen=True)
class SegmenterFigures:
    """Quality of the segmenter's predictions on held-out images, in [0, 1].

    Attributes:
        mask_ap: COCO's AP of masks.
        mask_ap50: AP at IoU 0.5.
        mask_ap75: AP at IoU 0.75.
        box_ap: COCO's AP of boxes.
        share_of_supervised: `mask_ap` as a share of that of the supervised system.
    """

    mask_ap: Estimate
    mask_ap50: Estimate | None
    mask_ap75: Estimate | None
    box_ap: Estimate | None
    share_of_supervised: Estimate | None


@dataclass(frozen=True)
class System:
    """System of the ladder, with its figures.

    Attributes:
        key: name in files.
        title: name for readers.
        group: origin of the system.
        adds_to: key of the system that its labels are compared with, or None.
        paper_mask_ap: mask AP of the paper on COCO, in [0, 1], or None.
        labels: figures of its labels; None if it makes none.
        segmenter: figures of its segmenter; None if none was trained.
        trains: what it trains, or None if the file does not say.
    """

    key: str
    title: str
    group: Group
    adds_to: str | None
    paper_mask_ap: float | None
    labels: LabelFigures | None
    segmenter: SegmenterFigures | None
    trains: str | None = None


@dataclass(frozen=True)
class Ladder:
    """Systems of a ladder, lowest first, and facts on the measurement.

    Attributes:
        scale: name of the ladder's size.
        date: day of the measurement.
        command: command that measured.
        machine: machine that it ran on.
        minutes: time that it took.
        seeds: seeds of data and training, at least one.
        num_train_images: clicked images of a seed.
        num_test_images: held-out images of a seed.
        num_objects: clicked objects of a seed.
        oracle_miou: label mIoU of the best proposals, in [0, 1].
        systems: at least one system, lowest first.
    """

    scale: str
    date: str
    command: str
    machine: str
    minutes: float
    seeds: tuple[int, ...]
    num_train_images: int
    num_test_images: int
    num_objects: int
    oracle_miou: Estimate
    systems: tuple[System, ...]

    @property
    def supervised(self) -> System | None:
        """First supervised system, which the others' predictions are compared with."""
        return next((s for s in self.systems if s.group == "supervised"), None)

    @property
    def labelled(self) -> tuple[System, ...]:
        """Systems with labels; the ladder starts from the first one."""
        return tuple(system for system in self.systems if system.labels is not None)

    @property
    def trained(self) -> tuple[System, ...]:
        """Systems with a segmenter."""
        return tuple(system for system in self.systems if system.segmenter is not None)
