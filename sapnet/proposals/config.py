"""Settings of `sapnet propose`; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sapnet.data.image_files.settings import check_reading
from sapnet.data.tiles.grid import Parts
from sapnet.store.part import SHARD_IMAGES, Part, parse_part
from sapnet.structures.coverage import Unmarked
from sapnet.system.locations import Location

ProposerName = Literal["auto", "click", "sam", "regions", "simulated", "file"]
StagedName = Literal["auto", "click", "sam", "regions"]
Engine = Literal["local", "ray"]
Precision = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class SamConfig:
    """Settings of the proposer `sam`.

    Attributes:
        checkpoint: hub name or local folder of SAM, SAM-HQ, SAM 2, EdgeTAM or the SAM 3 tracker;
            the weights of the default are under Apache-2.0.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: precision of the image encoder; "auto" is bfloat16 on CUDA (float16 on GPUs
            without it) and float32 elsewhere. The decoder always runs in float32: in half precision
            the encoding of a click's position would be off by pixels.
        points_per_chunk: objects that go through the decoder together; bounds its memory. By
            default 16, and 2 on a CPU, whose caches do not hold more.
        box_prompts: True to propose for point and box together as well if a click carries a box.
    """

    checkpoint: str = "facebook/sam-vit-base"
    device: str = "auto"
    precision: Precision = "auto"
    points_per_chunk: int | None = None
    box_prompts: bool = True

    def __post_init__(self) -> None:
        if self.points_per_chunk is not None and self.points_per_chunk < 1:
            raise ValueError(
                f"points_per_chunk: expected at least 1, found {self.points_per_chunk}"
            )


@dataclass(frozen=True)
class StagedConfig:
    """Settings of a proposer that can propose for clicks as they come.

    Attributes:
        proposer: name of the proposer; "auto" is what this machine has, see `choose_proposer`.
        num_proposals: masks per object of `click` and `regions`; None is their own default.
        sam: settings of `sam`.
        checkpoint: weights of `click` or `sam`; None is the default of `click`, and for `sam` that
            of its settings.
    """

    proposer: StagedName
    num_proposals: int | None = None
    sam: SamConfig = field(default_factory=SamConfig)
    checkpoint: str | None = None


@dataclass(frozen=True)
class RunConfig:
    """Settings of a pass over the images; they do not change the proposals.

    Attributes:
        workers: number of processes that propose; 1 stays in this process. By default 1, and with
            Ray as many as the cluster has room for.
        shard_images: images per shard, which is the work that a kill may lose: seconds to minutes,
            and 1200 shards for COCO train2017.
        skip_errors: leave out images that are missing or cannot be read, instead of stopping.
        bits: bit depth of images of more than 8 bits; by default that of the largest value of all
            images.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
        parts: windows that large images are cut into, and the bands that are read.
        engine: "local" for processes of this machine, "ray" for actors of a Ray cluster.
        part: the part of this run, if several runs fill one store side by side.
        ray_address: address of the cluster; by default that of `RAY_ADDRESS` or of this machine,
            else a local cluster.
        gpus_per_worker: GPUs of each Ray actor, may be a fraction; by default 1 if the cluster has
            GPUs.
    """

    workers: int | None = None
    shard_images: int = SHARD_IMAGES
    skip_errors: bool = False
    bits: int | None = None
    max_pixels: int | None = None
    parts: Parts = field(default_factory=Parts)
    engine: Engine = "local"
    part: Part = field(default_factory=Part)
    ray_address: str | None = None
    gpus_per_worker: float | None = None

    def __post_init__(self) -> None:
        for name in ("workers", "shard_images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: expected at least 1, found {value}")
        check_reading(self.bits, self.max_pixels)
        if self.gpus_per_worker is not None and self.gpus_per_worker < 0:
            raise ValueError(f"gpus_per_worker: expected 0 or more, found {self.gpus_per_worker}")


@dataclass(frozen=True)
class ProposeConfig:
    """Settings of `sapnet propose`: candidate masks for every click of a data set.

    Attributes:
        images: folder of the images; or its URL, such as s3://bucket/photos; or a manifest, a
            `.csv` with the columns `file_name` and `location`.
        clicks: COCO-style json with one labelled point per object; may be a URL.
        out: folder of the proposal store, or its URL; an unfinished one is continued.
        proposer: "click" (the embedded segmenter), "sam" (any SAM-family checkpoint), "regions" (no
            weights), "simulated" (for the synthetic set only), or "file" (masks made elsewhere).
            "auto" goes on with that of a begun store; else it takes `sam` if its weights are in
            the hub's cache, else `click`.
        file: json of the proposals (`file`), or of the parts (`simulated`; by default `parts.json`
            in the images folder or beside it).
        num_proposals: masks per object of `click` and `regions`; by default 8.
        checkpoint: weights of `click`, a file of `sapnet train-proposer`, by default the embedded
            ones; or of `sam`, a hub name or local folder, by default facebook/sam-vit-base.
        adapt: first fine-tune `click` on its own choices in the data set, and keep what is better
            on images kept aside; a few minutes. By default from 50 clicks on where no weights are
            named, images and store are on this machine, and one run makes all of the store.
        device: device of `sam`; the other proposers run on the CPU.
        precision: precision of the image encoder of `sam`.
        points_per_chunk: objects that go through the decoder of `sam` together; by default 16, and
            2 on a CPU.
        box_prompts: `sam` proposes for point and box as well if a click carries a box.
        unmarked: marks images that nobody marked as "complete", all their objects are clicked, or
            "partial", some may not be. Unset: they stay unmarked.
        workers: number of processes; by default the number of cores for `click` (one per 50 objects
            at most), `regions` and `simulated`, and 1 for `sam` and `file`. With Ray, number of
            actors; by default as many as the cluster has room for.
        shard_images: images per shard; a kill loses at most the shard in progress.
        skip_errors: leave out images that cannot be read; the command then exits with status 3.
        bits: bit depth of images of more than 8 bits, one for all; by default that of the largest
            value of all images.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit. It does not
            hold for TIFF that is read in windows.
        tile: side of the windows that large images are cut into, pixels; 0 keeps images whole. By
            default windows are used where `sapnet doctor` advises them.
        overlap: pixels that neighbouring windows share; by default a quarter of their side.
        bands: numbers of the bands that are read, from 1 on, as red, green and blue, or of one as
            gray; by default those that the clicks file notes, else the files' own three.
        shard: "i/n", i from 0 to n - 1: this run processes the i-th of n parts of the images. Runs
            of different parts fill one store side by side, on machines that share the file system.
        engine: "local" proposes on this machine, "ray" on a Ray cluster (pip install
            'sapnet[ray]').
        ray_address: address of the cluster; by default that of `RAY_ADDRESS` or of this machine,
            else a local cluster.
        gpus_per_worker: GPUs of each Ray actor, may be a fraction; by default 1 for `sam` if the
            cluster has GPUs, unless `--device cpu`, and 0 for the others.
    """

    images: Location
    clicks: Location
    out: Location
    proposer: ProposerName = "auto"
    file: Path | None = None
    num_proposals: int | None = None
    checkpoint: str | None = None
    adapt: bool | None = None
    device: str = SamConfig.device
    precision: Precision = SamConfig.precision
    points_per_chunk: int | None = SamConfig.points_per_chunk
    box_prompts: bool = SamConfig.box_prompts
    unmarked: Unmarked | None = None
    workers: int | None = None
    shard_images: int = RunConfig.shard_images
    skip_errors: bool = RunConfig.skip_errors
    bits: int | None = RunConfig.bits
    max_pixels: int | None = RunConfig.max_pixels
    tile: int | None = None
    overlap: int | None = None
    bands: tuple[int, ...] | None = None
    shard: str | None = None
    engine: Engine = RunConfig.engine
    ray_address: str | None = RunConfig.ray_address
    gpus_per_worker: float | None = None

    def run(self) -> RunConfig:
        """Return the settings of the pass over the images.

        Raises:
            ValueError: a setting is wrong.
        """
        gpus = self.gpus_per_worker
        if gpus is None and (self.proposer != "sam" or self.device == "cpu"):
            gpus = 0.0
        return RunConfig(
            workers=self.workers,
            shard_images=self.shard_images,
            skip_errors=self.skip_errors,
            bits=self.bits,
            max_pixels=self.max_pixels,
            parts=Parts.of(self.tile, self.overlap, self.bands),
            engine=self.engine,
            part=Part() if self.shard is None else parse_part(self.shard),
            ray_address=self.ray_address,
            gpus_per_worker=gpus,
        )
