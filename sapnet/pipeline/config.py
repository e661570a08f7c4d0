"""Settings of `sapnet run`. Imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from sapnet.data.image_files.settings import check_reading
from sapnet.data.tiles.grid import Parts
from sapnet.proposals.config import ProposerName
from sapnet.structures.corrections import CORRECTIONS_NAME
from sapnet.structures.coverage import Unmarked

Effort = Literal["fast", "balanced", "best"]


@dataclass(frozen=True)
class PipelineInputs:
    """Files of `sapnet run`.

    Attributes:
        images: folder of the images.
        clicks: COCO-style json with one labelled point per object.
        out: folder for everything that is written; it is the run folder of the trained model. An
            unfinished run in it is continued; new clicks or corrections make a further round.
        corrections: file of `sapnet review`: its masks are kept, deleted objects are left out.
            Unset: `corrections.json` in the run folder, where a review of the labels writes it, if
            it is there.
        val_images: folder of held-out images that are predicted at the end. Unset: the images of
            `images` that the clicks file does not list.
        val_truth: COCO instance json of the held-out images, to score the predictions.
        truth: COCO instance json of the clicked images, to score the labels.
    """

    images: Path
    clicks: Path
    out: Path
    val_images: Path | None = None
    val_truth: Path | None = None
    truth: Path | None = None
    corrections: Path | None = None

    @property
    def decisions(self) -> Path | None:
        """The file of corrections: the one given, else that of the run folder; None without."""
        usual = self.out / CORRECTIONS_NAME
        return self.corrections or (usual if usual.is_file() else None)


@dataclass(frozen=True)
class PipelineConfig:
    """Settings of `sapnet run`; those that are unset are chosen from the data and the machine.

    Attributes:
        effort: "fast" is minutes on a CPU for some hundred objects, to see what comes out;
            "balanced" trains twice as long on larger images; "best" five times as long.
        proposer: proposer of the candidate masks; "auto" takes `sam` if its weights are cached,
            else `click`.
        checkpoint: weights of the proposer, as for `sapnet propose`.
        adapt: first fine-tune `click` on its own choices in the data set, as for `sapnet propose`.
            Unset: where no weights are named.
        file: json of the proposer `file` or `simulated`, as for `sapnet propose`.
        recipe: recipe of the training, by name or as the path of a YAML file. Unset: by the device
            and the effort.
        epochs: passes over the images. Unset: by the effort and the number of images.
        batch_size: images per step. Unset: that of the recipe.
        short_sides: sizes of the images' shorter side in training, pixels. Unset: by the effort.
        max_objects: largest number of objects of an image in one step. Unset: by the effort.
        max_predicted: most images that are predicted at the end, if no folder of held-out images is
            named; evenly spread over those without clicks.
        unmarked: what images count as that nobody marked: "complete", all their objects are
            clicked, or "partial", some may not be. Unset: complete.
        seed: seed of the training.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        workers: processes that propose and that load images. Unset: by the number of cores.
        skip_errors: leave out images that cannot be read; the command then exits with status 3.
        bits: bit depth of images of more than 8 bits, one for all; by default that of the largest
            value of all images.
        max_pixels: most pixels of an image; by default 179 million, Pillow's limit.
        tile: side of the windows that large images are cut into, pixels; 0 keeps images whole. By
            default windows are used where `sapnet doctor` advises them.
        overlap: pixels that neighbouring windows share; by default a quarter of their side.
        bands: numbers of the bands that are read, from 1 on; by default those that the
            clicks file notes, else the files' own three.
    """

    effort: Effort = "balanced"
    proposer: ProposerName = "auto"
    checkpoint: str | None = None
    adapt: bool | None = None
    file: Path | None = None
    recipe: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    short_sides: tuple[int, ...] | None = None
    max_objects: int | None = None
    max_predicted: int = 500
    unmarked: Unmarked | None = None
    seed: int = 0
    device: str = "auto"
    workers: int | None = None
    skip_errors: bool = False
    bits: int | None = None
    max_pixels: int | None = None
    tile: int | None = None
    overlap: int | None = None
    bands: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "max_objects", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: expected at least 1, found {value}")
        for name in ("max_predicted", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, found {getattr(self, name)}")
        if self.short_sides is not None and (not self.short_sides or min(self.short_sides) < 1):
            raise ValueError(
                f"short_sides: expected one size or more, in pixels, found {self.short_sides}"
            )
        check_reading(self.bits, self.max_pixels)
        Parts.of(self.tile, self.overlap, self.bands)


FREE_TO_CHANGE = ("device", "workers", "max_pixels", "max_predicted")
"""Settings that may differ when a run is continued: they change no label."""

CHOSEN = tuple(field.name for field in fields(PipelineConfig) if field.name not in FREE_TO_CHANGE)
"""Settings that a continued run takes from its record."""
