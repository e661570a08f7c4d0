"""Settings of `sapnet train-proposer`, and the training that they ask for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from sapnet.data.image_files.settings import check_reading
from sapnet.system.processes.parallel import num_cores
from sapnet.teaching.config import LookConfig, PoolConfig, SourceConfig, TeachConfig, ViewConfig

IMAGENET, EMBEDDED = "imagenet", "embedded"
"""Weights to begin with, besides a file: ImageNet's, and those that come with the package."""

TUNE_MINUTES, TUNE_STEPS = 4.0, 60
"""Length of a fine-tuning, whichever ends it first."""


@dataclass(frozen=True)
class TrainProposerConfig:
    """Settings of `sapnet train-proposer`.

    Attributes:
        data: folders with images and masks (`images/` with `instances.json`, or the same of a
            split `train`), COCO json files, files of `sapnet review`, or clicks files with pinned
            masks. Each may be followed by `,images=DIR`, `,weight=NUMBER` (its share of the clicks)
            and `,whole=ID` (a category of wholes among parts).
        out: file of the weights, safetensors in half precision.
        start: `imagenet` trains from the start; `embedded`, or a file of weights, is fine-tuned,
            and kept where nothing better is found.
        images: folder of the images of json files that name none.
        run: folder of checkpoints and figures; by default beside `out`. The same command goes on
            with what is in it.
        minutes: of learning; by default 60 from ImageNet and 4 for a fine-tuning.
        steps: of learning, if they are done before the minutes have passed; by default 60 for a
            fine-tuning without `minutes`, else no limit.
        seed: of everything random.
        licence: note on the weights, kept in the file; by default that of the weights fine-tuned.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: of the processor; by default all cores.
        bits: bit depth of images of more than 8 bits; by default that of the largest value of each
            of the `data`.
        bands: numbers of the bands that are read, from 1 on, as red, green and blue, or of one as
            gray; by default those that the file of masks notes, else the files' own three.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
    """

    data: tuple[str, ...]
    out: Path
    start: str = field(default=IMAGENET, metadata={"option": "from"})
    images: Path | None = None
    run: Path | None = None
    minutes: float | None = None
    steps: int | None = None
    seed: int = 0
    licence: str | None = None
    device: str = "auto"
    threads: int | None = None
    bits: int | None = None
    bands: tuple[int, ...] | None = None
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("data: expected at least one folder or file, found none")
        for name in ("minutes", "steps", "threads"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name}: expected a number > 0, found {value}")
        check_reading(self.bits, self.max_pixels, self.bands)

    @property
    def is_tuning(self) -> bool:
        """True if weights of the click segmenter are fine-tuned."""
        return self.start != IMAGENET

    @property
    def run_folder(self) -> Path:
        """Folder of checkpoints and figures."""
        return self.run or self.out.with_name(f"{self.out.stem}-training")

    def training(self, sources: tuple[SourceConfig, ...]) -> TeachConfig:
        """Return the training that these settings ask for.

        Args:
            sources: of the photographs.
        """
        cfg = tuning_recipe() if self.is_tuning else TeachConfig()
        steps = self.steps
        if steps is None and self.minutes is None and self.is_tuning:
            steps = TUNE_STEPS
        return replace(
            cfg,
            sources=sources,
            minutes=self.minutes or cfg.minutes,
            steps=steps,
            seed=self.seed,
            device=self.device,
            threads=self.threads or num_cores(),
            bits=self.bits,
            bands=self.bands,
        )


def tuning_recipe() -> TeachConfig:
    """Return the training that fine-tunes on a few images; its values are measured."""
    return TeachConfig(
        minutes=TUNE_MINUTES,
        steps=TUNE_STEPS,
        sides=((0.0, 160),),
        rate=1e-3,
        warmup_steps=10,
        norms_until=0.0,
        decay_from=0.5,
        average=0.98,
        freeze_encoder=True,
        checkpoint_minutes=0.5,
        log_steps=20,
        pool=PoolConfig(min_area=16, full_weight_size=0.0),
        # Further images of a user look like those that were corrected.
        view=ViewConfig(
            scan_reach=(0.0, 100.0),
            look=LookConfig(gray=0.05, swapped=0.0, inverted=0.0, blurred=0.05, noisy=0.0),
        ),
    )
