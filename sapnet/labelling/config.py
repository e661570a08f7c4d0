"""Settings of `sapnet label`; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sapnet.data.choices import ImagesAs
from sapnet.data.formats.writers.files import ExportOptions
from sapnet.data.image_files.settings import check_reading
from sapnet.prediction.config import PredictionConfig
from sapnet.structures.split import parse_split

MIN_MISSED_SCORE = 0.1
"""Least score of an instance that may be an object nobody clicked."""


@dataclass(frozen=True)
class LabelConfig:
    """Settings of `sapnet label`.

    Attributes:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        top1: take the proposal with the proposer's best own score, instead of a run's choice: the
            baseline of training.
        voter: another run, or a file of `sapnet export`, whose instances vote on the choice in
            place of those of the run: a segmenter that learned from masks, such as mask-rcnn.
        corrections: file of `sapnet review`; its masks are the labels, deleted objects get none.
        candidates: also write every candidate with its scores.
        batch_size: images at a time.
        format: further formats of the masks, each written beside the json file.
        simplify: greatest distance in pixels between a polygon and the outline of its mask; 0 keeps
            every corner.
        url_prefix: prefix of the images' addresses in Label Studio.
        images_as: put images into the folders of `format` as hard links (as copies where the disk
            does not allow links), as copies, or leave them where they are.
        split: shares of train, val and test in `format`, such as 0.8/0.1/0.1 or 80/20; by default
            there is one part.
        split_seed: seed of the split.
        group_by: what the split keeps together: "folder", or a regular expression for the file name
            whose first group is the key.
        workers: processes that load images.
        skip_errors: leave out images that cannot be read; the command then exits with status 3.
        overwrite: replace what an earlier run wrote into the folders of `format`.
        bits: bit depth of images of more than 8 bits, one for all; by default that of the run, else
            that of the store.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
    """

    device: str = "auto"
    top1: bool = False
    voter: Path | str | None = None
    corrections: Path | None = None
    candidates: bool = False
    batch_size: int = 4
    format: tuple[str, ...] = ()
    simplify: float = ExportOptions.simplify
    url_prefix: str = ExportOptions.url_prefix
    images_as: ImagesAs = ExportOptions.images_as
    split: str | None = None
    split_seed: int = 0
    group_by: str | None = None
    workers: int = 2
    skip_errors: bool = False
    overwrite: bool = False
    bits: int | None = None
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.workers < 0:
            raise ValueError(
                "expected batch_size of at least 1 and workers of 0 or more, found "
                f"{self.batch_size} and {self.workers}"
            )
        parse_split(self.split, self.split_seed, self.group_by)
        check_reading(self.bits, self.max_pixels)


@dataclass(frozen=True)
class MissedConfig:
    """Settings of `sapnet missed`.

    Attributes:
        min_score: least score of an instance, 0 to 1.
        bits: bit depth of images of more than 8 bits, one for all; by default that of the run, else
            that of the largest value of all images.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
        tile: side of the windows that larger images are cut into, pixels; 0 keeps images whole. By
            default that of the training; without one, images of more than 100 million pixels are
            cut.
        overlap: pixels that neighbouring windows share; by default that of the training, else a
            quarter of their side.
        bands: numbers of the bands that are read, from 1 on; by default those of the training, else
            the file's own three.
    """

    min_score: float = MIN_MISSED_SCORE
    bits: int | None = None
    max_pixels: int | None = None
    tile: int | None = None
    overlap: int | None = None
    bands: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score: expected 0 to 1, found {self.min_score}")
        _ = self.prediction

    @property
    def prediction(self) -> PredictionConfig:
        """Settings of the prediction that looks for them."""
        return PredictionConfig(
            score_threshold=self.min_score,
            bits=self.bits,
            max_pixels=self.max_pixels,
            tile=self.tile,
            overlap=self.overlap,
            bands=self.bands,
        )
