"""Settings of `sapnet annotate`; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sapnet.data.image_files.settings import check_reading
from sapnet.proposals.config import SamConfig

CLICKS_NAME = "clicks.json"
"""Name of the clicks file in the images folder, unless `out` names another file."""

PreviewName = Literal["none", "regions", "sam"]


@dataclass(frozen=True)
class AnnotateConfig:
    """Settings of `sapnet annotate`: the images, the clicks file, and the page's server.

    Attributes:
        images: folder of the images; sub-folders are included.
        classes: names of the classes, in the order of their keys; those of an existing clicks file
            come first.
        out: clicks file to write or to continue; by default `clicks.json` in the images folder.
        proposer: proposer whose candidate masks are shown: "regions", "sam", or "none".
        checkpoint: checkpoint of `sam`: hub name or local folder.
        device: device of `sam`: auto, cpu, cuda or mps.
        num_proposals: candidates per object of `regions`; by default that of `regions`.
        skip_errors: leave unreadable images off the page instead of showing them with their
            problem; the command then ends with status 3.
        bits: bit depth of images of more than 8 bits, one for all; by default that of the largest
            value of all images.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
        host: address the server listens on; the default is reachable from this machine only.
        port: port of the page; 0 takes a free one.
        no_browser: print the address without opening a browser.
    """

    images: Path
    classes: tuple[str, ...] = ()
    out: Path | None = None
    proposer: PreviewName = "regions"
    checkpoint: str = SamConfig.checkpoint
    device: str = SamConfig.device
    num_proposals: int | None = None
    skip_errors: bool = False
    bits: int | None = None
    max_pixels: int | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    no_browser: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: expected 0 to 65535, found {self.port}")
        check_reading(self.bits, self.max_pixels)
        empty = [name for name in self.classes if not name.strip()]
        if empty or len(set(self.classes)) != len(self.classes):
            raise ValueError(
                f"classes: expected different names, found {', '.join(map(repr, self.classes))}"
            )

    @property
    def clicks_file(self) -> Path:
        """The clicks file that is written."""
        return self.out or self.images / CLICKS_NAME
