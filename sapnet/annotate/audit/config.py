"""Settings of `sapnet audit`; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sapnet.annotate.config import AnnotateConfig
from sapnet.data.image_files.settings import check_reading
from sapnet.evaluation.audit.audit_file import AUDIT_NAME

LABELS_NAME = "labels.json"
"""Name of the label file in a run folder, unless `labels` names another file."""


@dataclass(frozen=True)
class AuditConfig:
    """Settings of `sapnet audit`: the labels, the sample, and the page's server.

    Attributes:
        run: run folder that holds the labels as `labels.json`, and knows the images.
        labels: file written by `sapnet label`; by default that of the run.
        images: folder of the labelled images; by default that of the run.
        out: file of the audit, written or continued; by default `audit.json` beside the labels.
        num: labels of the sample; by default 200, or one for each category and size where these
            are more. A larger number continues a smaller sample.
        seed: seed of the sample; by default 0, or that of the audit that is continued.
        width: wanted distance from the share of right labels to either end of its interval; the
            missing judgements are counted.
        metrics: json file to write the figures to.
        figures_only: print the figures without opening the page.
        bits: bit depth of images of more than 8 bits, the same for all; by default that of the run,
            else that of each file.
        bands: numbers of the bands that are shown, from 1 on, as red, green and blue, or of one as
            gray; by default those of the run, else the files' own three.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
        host: address the server listens on; the default is reachable from this machine only.
        port: port of the page; 0 takes a free one.
        no_browser: print the address without opening a browser.
    """

    run: Path | None = None
    labels: Path | None = None
    images: Path | None = None
    out: Path | None = None
    num: int | None = None
    seed: int | None = None
    width: float = 0.03
    metrics: Path | None = None
    figures_only: bool = False
    bits: int | None = None
    bands: tuple[int, ...] | None = None
    max_pixels: int | None = None
    host: str = AnnotateConfig.host
    port: int = AnnotateConfig.port
    no_browser: bool = False

    def __post_init__(self) -> None:
        check_reading(self.bits, self.max_pixels, self.bands)
        if self.run is None and self.labels is None:
            raise ValueError("expected either --run RUN or --labels FILE")
        if self.num is not None and self.num < 1:
            raise ValueError(f"num: expected at least 1, found {self.num}")
        if not 0 < self.width < 1:
            raise ValueError(f"width: expected a number between 0 and 1, found {self.width}")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: expected 0 to 65535, found {self.port}")

    @property
    def labels_file(self) -> Path:
        """The labels that are audited."""
        return self.labels or (self.run or Path()) / LABELS_NAME

    @property
    def audit_file(self) -> Path:
        """The file of judgements that is written."""
        return self.out or self.labels_file.parent / AUDIT_NAME
