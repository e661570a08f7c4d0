"""`sapnet.run`: from clicks to labels, a model and a report in one call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sapnet.api.options import check_names, fill
from sapnet.pipeline.config import Effort, PipelineConfig, PipelineInputs
from sapnet.proposals.config import ProposerName

if TYPE_CHECKING:
    from sapnet.pipeline.run import RunSummary
    from sapnet.structures.coverage import Unmarked

FILES = ("val_images", "val_truth", "truth", "corrections")
"""Options that name files."""

REQUIRED = ("images", "clicks", "out")
"""What a file of options holds and the call gives."""


class RunOptions(TypedDict, total=False):
    """Optional settings of `sapnet run`, see `PipelineInputs` and `PipelineConfig`."""

    val_images: Path | str | None
    val_truth: Path | str | None
    truth: Path | str | None
    corrections: Path | str | None
    effort: Effort
    proposer: ProposerName
    checkpoint: str | None
    adapt: bool | None
    file: Path | str | None
    recipe: str | None
    epochs: int | None
    batch_size: int | None
    short_sides: tuple[int, ...] | None
    max_objects: int | None
    max_predicted: int
    seed: int
    device: str
    workers: int | None
    skip_errors: bool
    bits: int | None
    max_pixels: int | None
    tile: int | None
    overlap: int | None
    bands: tuple[int, ...] | None
    unmarked: Unmarked | None


def run(
    images: Path | str,
    clicks: Path | str,
    out: Path | str,
    *,
    config: Path | str | None = None,
    **options: Unpack[RunOptions],
) -> RunSummary:
    """Propose, train, label, predict what is held out, and report, as `sapnet run`.

    Args:
        images: folder of the images.
        clicks: COCO-style json with one labelled point per object.
        out: folder for everything that is written; an unfinished run in it is continued, and new
            clicks or corrections make a further round of a finished one.
        config: YAML file of options, as `sapnet run --print-config` prints; options win over it.
        options: those of `PipelineInputs` and `PipelineConfig`, which have the defaults. Several
            workers are processes: a script then needs `if __name__ == "__main__":`.

    Raises:
        FileNotFoundError: a file, a folder or the backbone's weights are missing.
        TypeError: an option is unknown.
        ValueError: a setting, the clicks or an image is wrong, or `out` holds a run of other
            settings.
    """
    from sapnet.pipeline.run import run_pipeline
    from sapnet.recipes.load import load_recipe

    given = {} if config is None else load_recipe(config)
    val = given.pop("val", {})
    given |= {f"val_{name}": value for name, value in val.items()}
    values: dict[str, Any] = {k: v for k, v in given.items() if k not in REQUIRED} | dict(options)
    check_names("run", values, RunOptions.__optional_keys__)
    files = {name: Path(values.pop(name)) for name in FILES if values.get(name) is not None}
    settings = {name: value for name, value in values.items() if name not in FILES}
    inputs = PipelineInputs(Path(images), Path(clicks), Path(out), **files)
    return run_pipeline(inputs, fill("run", PipelineConfig, settings))
