"""Settings of the pretraining: its data sets and files. Imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RECIPE = "pretraining/small_images_cpu"
"""Recipe of a pretraining for which none is named."""

TRUTH, IMAGES = "instances.json", "images"
"""Names in the folder of a data set."""

FORM = "DIR|FILE[,images=DIR][,repeats=N][,limit=N][,categories=ID+ID]"
"""A data set, as the option `--data` takes it."""


@dataclass(frozen=True)
class SourceConfig:
    """A data set whose objects are all marked; what is unmarked counts as background.

    Attributes:
        images: folder of the images.
        truth: COCO instance json.
        repeats: times that each image is seen in an epoch.
        limit: most images that are taken, evenly spread over the file. Unset: all.
        categories: ids of the categories whose objects are taken. Unset: all.
    """

    images: Path
    truth: Path
    repeats: int = 1
    limit: int | None = None
    categories: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("repeats", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} of {self.truth}: expected at least 1, found {value}")

    def takes(self, category_id: int) -> bool:
        """Return True if objects of a category are taken."""
        return self.categories is None or category_id in self.categories


@dataclass(frozen=True)
class PretrainInputs:
    """Files of a pretraining.

    Attributes:
        sources: the data sets.
        out: safetensors file to write.
        run: folder of the training; an unfinished training in it is resumed.
        licence: note on the weights, kept in the file.
        command: the command line, kept in the file.
    """

    sources: tuple[SourceConfig, ...]
    out: Path
    run: Path
    licence: str = ""
    command: str = ""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("--data: expected at least one data set, found none")


def parse_source(text: str) -> SourceConfig:
    """Read a data set from the text of the option `--data`, see `FORM`.

    Raises:
        ValueError: the text has another form.
    """
    place, *settings = text.split(",")
    values: dict[str, str] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in ("images", "repeats", "limit", "categories") or not value:
            raise ValueError(f"--data {text}: expected {FORM}, found {setting!r}")
        values[name] = value
    path = Path(place)
    is_file = path.suffix == ".json"
    folder = path.parent if is_file else path
    categories = values.get("categories")
    try:
        return SourceConfig(
            images=Path(values.get("images", folder / IMAGES)),
            truth=path if is_file else path / TRUTH,
            repeats=int(values.get("repeats", 1)),
            limit=int(values["limit"]) if "limit" in values else None,
            categories=tuple(map(int, categories.split("+"))) if categories else None,
        )
    except ValueError as error:
        raise ValueError(f"--data {text}: expected {FORM}; {error}") from error
