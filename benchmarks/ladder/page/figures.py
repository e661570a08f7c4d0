"""A ladder of systems, each with one more part: the figures of `benchmarks/ladder/__main__.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Group = Literal["paper", "ours", "supervised"]
"""Where a system comes from; those with other supervision than clicks come last."""


@dataclass(frozen=True)
class Estimate:
    """A figure over seeds: its mean, and its standard deviation, None where there is one seed."""

    mean: float
    std: float | None = None


@dataclass(frozen=True)
class LabelFigures:
    """Quality of the labels of the clicked images; None where nothing was to be counted.

    Attributes:
        miou: mean IoU with the truth, in [0, 1]; `small`, `medium` and `large` by true size.
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
        mask_ap: COCO's AP of masks; `mask_ap50` and `mask_ap75` at one IoU.
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
    """One rung.

    Attributes:
        key: its name in files.
        title: its name for readers.
        group: where it comes from.
        adds_to: key of the system that its labels are compared with; None where there is none.
        paper_mask_ap: mask AP of the paper on COCO, in [0, 1]; None where it has none.
        labels: None where it makes none.
        segmenter: None where none was trained.
    """

    key: str
    title: str
    group: Group
    adds_to: str | None
    paper_mask_ap: float | None
    labels: LabelFigures | None
    segmenter: SegmenterFigures | None


@dataclass(frozen=True)
class Ladder:
    """All rungs, from the lowest, and how they were measured.

    Attributes:
        scale: how much of everything there was, in a word.
        date: of the measurement.
        command: that measured.
        machine: that it ran on.
        minutes: that it took.
        seeds: of data and training, at least one.
        num_train_images: clicked images of a seed.
        num_test_images: held-out images of a seed.
        num_objects: clicked objects of a seed.
        oracle_miou: label mIoU of the best proposals, in [0, 1].
        systems: at least one, in the order of the rungs.
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
        """The first supervised system, which the others' predictions are compared with."""
        return next((s for s in self.systems if s.group == "supervised"), None)

    @property
    def labelled(self) -> tuple[System, ...]:
        """The systems with labels; the ladder starts from the first."""
        return tuple(system for system in self.systems if system.labels is not None)

    @property
    def trained(self) -> tuple[System, ...]:
        """The systems with a segmenter."""
        return tuple(system for system in self.systems if system.segmenter is not None)
