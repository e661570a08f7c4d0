"""Settings of `sapnet propose`; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ProposerName = Literal["regions", "sam", "simulated", "file"]
Precision = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class SamConfig:
    """Which segmenter proposes, and how it runs.

    Attributes:
        checkpoint: hub name or local folder of SAM, SAM-HQ, SAM 2, EdgeTAM or the SAM 3 tracker;
            the default's weights are under Apache-2.0.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: of the image encoder; "auto" is bfloat16 (float16 on GPUs without it) on CUDA and
            float32 elsewhere. The decoder always runs in float32: in half precision the encoding
            of a click's position would be off by pixels.
        points_per_chunk: objects that go through the decoder together; bounds its memory.
        box_prompts: where a click carries a box, propose for point and box together as well.
    """

    checkpoint: str = "facebook/sam-vit-base"
    device: str = "auto"
    precision: Precision = "auto"
    points_per_chunk: int = 16
    box_prompts: bool = True

    def __post_init__(self) -> None:
        if self.points_per_chunk < 1:
            raise ValueError(
                f"points_per_chunk: expected at least 1, found {self.points_per_chunk}"
            )


@dataclass(frozen=True)
class RunConfig:
    """How a run goes through the images; none of it changes what is proposed.

    Attributes:
        workers: processes that propose; 1 stays in this process.
        shard_images: images per shard, that is, the work a kill may lose: seconds to minutes, and
            1200 shards for COCO train2017.
        skip_errors: leave out images that are missing or cannot be read, instead of stopping.
    """

    workers: int = 1
    shard_images: int = 100
    skip_errors: bool = False

    def __post_init__(self) -> None:
        for name in ("workers", "shard_images"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, found {getattr(self, name)}")


@dataclass(frozen=True)
class ProposeConfig:
    """Candidate masks for every click of a data set.

    Attributes:
        images: folder of the images.
        clicks: COCO-style json with one labelled point per object.
        out: folder of the proposal store; an unfinished one is continued.
        proposer: "regions" (no weights needed), "sam" (any SAM-family checkpoint), "simulated" (for
            the synthetic set only), or "file" (masks made elsewhere).
        file: json of the proposals (`file`), or of the parts (`simulated`; by default `parts.json`
            in the images folder or beside it).
        num_proposals: masks per object of `regions`; unset is its own default.
        checkpoint: of `sam`, see `SamConfig`; so are the next four.
        device: where `sam` runs; the other proposers run on the CPU.
        precision: of the image encoder of `sam`.
        points_per_chunk: objects that go through the decoder of `sam` together.
        box_prompts: where a click carries a box, `sam` proposes for point and box as well.
        workers: processes; unset is the number of cores for `regions` and `simulated`, and 1 for
            `sam` and `file`.
        shard_images: images per shard; a kill loses at most the shard in flight.
        skip_errors: leave out images that cannot be read; the command then ends with status 3.
    """

    images: Path
    clicks: Path
    out: Path
    proposer: ProposerName = "regions"
    file: Path | None = None
    num_proposals: int | None = None
    checkpoint: str = SamConfig.checkpoint
    device: str = SamConfig.device
    precision: Precision = SamConfig.precision
    points_per_chunk: int = SamConfig.points_per_chunk
    box_prompts: bool = SamConfig.box_prompts
    workers: int | None = None
    shard_images: int = RunConfig.shard_images
    skip_errors: bool = RunConfig.skip_errors
