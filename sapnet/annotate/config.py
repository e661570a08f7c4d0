"""Settings of `sapnet annotate`; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sapnet.data.image_files.settings import check_reading
from sapnet.data.tiles.grid import Parts
from sapnet.prediction.config import PredictionConfig
from sapnet.proposals.config import SamConfig

CLICKS_NAME = "clicks.json"
"""Name of the clicks file in the images folder, unless `out` names another file."""

PreviewName = Literal["auto", "click", "sam", "regions", "none"]


@dataclass(frozen=True)
class AnnotateConfig:
    """Settings of `sapnet annotate`: the images, the clicks file, and the page's server.

    Attributes:
        images: folder of the images; sub-folders are included.
        classes: names of the classes, in the order of their keys; those of an existing clicks file
            come first.
        out: clicks file to write or to continue; by default `clicks.json` in the images folder.
        labels: masks, boxes or clicks that exist already, such as a file of `sapnet label`, results
            of `sapnet predict`, or a file of another tool; they open as objects of the images that
            have none.
        run: trained run (folder, or USER/NAME on the hub) whose instances are suggested: on images
            that nobody worked on all of them, elsewhere those that no object explains.
        min_score: least score of a suggestion, 0 to 1.
        proposer: proposer whose candidate masks are shown: "click" (the embedded segmenter), "sam",
            "regions", or "none". "auto" goes on with that of the clicks file; else it takes `sam`
            if its weights are in the hub's cache, else `click`.
        checkpoint: weights of `click`, a file of `sapnet train-proposer`, by default the embedded
            ones; or of `sam`, a hub name or local folder, by default facebook/sam-vit-base.
        device: device of `sam` and of `run`: auto, cpu, cuda or mps.
        teach: learn from the pinned masks in the background; better weights of `click` replace
            those in use, and the page can undo that.
        num_proposals: candidates per object of `click` and `regions`; by default 8.
        skip_errors: go on although images cannot be read: the page shows the reason in their place;
            the command then ends with status 3.
        bits: bit depth of images of more than 8 bits, one for all; by default that of the largest
            value of all images.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
        tile: side of the windows of large images in which candidates and suggestions are looked
            for, pixels; 0 keeps images whole. By default candidates come from the windows that
            `sapnet propose` would choose for the clicks so far, and until there is such advice from
            both the whole image and the click's window of 1024 px; suggestions come from the
            windows of the run.
        overlap: pixels that neighbouring windows share; by default a quarter of their side.
        bands: numbers of the bands that are shown and looked at, from 1 on, as red, green and blue,
            or of one as gray; by default those that the clicks file notes, else those of
            the run, else the files' own three.
        host: address the server listens on; the default is reachable from this machine only.
        port: port of the page; 0 takes a free one.
        no_browser: print the address without opening a browser.
    """

    images: Path
    classes: tuple[str, ...] = ()
    out: Path | None = None
    labels: Path | None = None
    run: str | None = None
    min_score: float = PredictionConfig.draw_threshold
    proposer: PreviewName = "auto"
    checkpoint: str | None = None
    device: str = SamConfig.device
    teach: bool = False
    num_proposals: int | None = None
    skip_errors: bool = False
    bits: int | None = None
    max_pixels: int | None = None
    tile: int | None = None
    overlap: int | None = None
    bands: tuple[int, ...] | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    no_browser: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: expected 0 to 65535, found {self.port}")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score: expected 0 to 1, found {self.min_score}")
        check_reading(self.bits, self.max_pixels)
        Parts.of(self.tile, self.overlap, self.bands)
        empty = [name for name in self.classes if not name.strip()]
        if empty or len(set(self.classes)) != len(self.classes):
            raise ValueError(
                f"classes: expected different names, found {', '.join(map(repr, self.classes))}"
            )

    @property
    def clicks_file(self) -> Path:
        """The clicks file that is written."""
        return self.out or self.images / CLICKS_NAME
