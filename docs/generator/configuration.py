"""Configuration reference: a table of every setting, made from the dataclasses.

`python docs/generator/configuration.py` writes it to `docs/configuration.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from docstring_parser import parse_from_object

from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.demo.config import DemoConfig
from sapnet.enhancement.config import EnhanceConfig, EnhancerConfig
from sapnet.network.config import ModelConfig
from sapnet.pipeline.config import PipelineConfig, PipelineInputs
from sapnet.proposals.config import ProposeConfig
from sapnet.segmentation.others.config import SegmenterChoice
from sapnet.teaching.options import TrainProposerConfig
from sapnet.training.config import TrainConfig

GROUPS: dict[str, tuple[tuple[type[Any], str], ...]] = {
    "enhance": ((EnhanceConfig, ""), (EnhancerConfig, "model.")),
    "run": ((PipelineInputs, ""), (PipelineConfig, "")),
    "propose": ((ProposeConfig, ""),),
    "train-proposer": ((TrainProposerConfig, ""),),
    "train": ((SegmenterChoice, ""), (TrainConfig, ""), (ModelConfig, "model.")),
    "synthetic": ((SyntheticConfig, ""),),
    "demo": ((DemoConfig, ""),),
}
"""Settings by command: the dataclass, and the prefix of its fields' names."""

INTRODUCTION = """# Configuration

All settings of the commands whose options are made from dataclasses, with their defaults. The
tables are generated from the code (`make docs`). On the command line, write a setting after two
dashes. In a recipe it is a key (`model.backbone` is `backbone` under `model`). Lists are written as
YAML.
`sapnet train --print-config` shows the settings that a run would use. The options of the other
commands are in `sapnet COMMAND --help`.
"""


@dataclass(frozen=True)
class Setting:
    """Row of a table: dotted name, type, default and meaning."""

    name: str
    type_name: str
    default: str
    meaning: str


PAGE = Path(__file__).resolve().parents[1] / "configuration.md"


def configuration_page() -> str:
    """Return the page as Markdown."""
    parts = [INTRODUCTION]
    for command, groups in GROUPS.items():
        parts.append(f"## {command}")
        for kind, prefix in groups:
            parts += [_table(title, rows) for title, rows in _sections(kind, prefix)]
    return "\n\n".join(parts) + "\n"


def _sections(kind: type[Any], prefix: str) -> Iterator[tuple[str, list[Setting]]]:
    """Yield titles and rows: a dataclass's own settings, then those of its nested dataclasses."""
    hints = get_type_hints(kind)
    docstring = parse_from_object(kind)
    meanings = {entry.arg_name: entry.description or "" for entry in docstring.params}
    nested = [field for field in fields(kind) if is_dataclass(hints[field.name])]
    rows = [
        Setting(
            prefix + str(field.metadata.get("option", field.name)),
            _type_name(hints[field.name]),
            _default(field),
            " ".join(meanings[field.name].split()),
        )
        for field in fields(kind)
        if field not in nested and not field.metadata.get("hidden")
    ]
    yield f"{prefix.rstrip('.')}: {docstring.short_description}".removeprefix(": "), rows
    for field in nested:
        yield from _sections(hints[field.name], f"{prefix}{field.name}.")


def _table(title: str, rows: list[Setting]) -> str:
    lines = [f"### {title.rstrip('.')}", "", "| setting | type | default | |", "|---|---|---|---|"]
    lines += [
        f"| `{row.name}` | {_cell(row.type_name)} | {row.default} | {_cell(row.meaning)} |"
        for row in rows
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _type_name(hint: object) -> str:
    """Return a type as users write it: choices as their values, paths as `path`."""
    text = hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else str(hint)
    text = re.sub(r"typing\.Literal\[(.*?)\]", _choices, text)
    text = re.sub(r"typing\.Optional\[(.*?)\]$", r"\1 | None", text)
    text = text.replace("pathlib.Path", "path").replace("Path", "path").replace("typing.", "")
    return text.replace(" | ", " or ").replace("NoneType", "unset").replace("None", "unset")


def _choices(found: re.Match[str]) -> str:
    return found[1].replace("'", "").replace(", ", " or ")


def _default(field: Field[Any]) -> str:
    if field.default_factory is not MISSING:
        value = field.default_factory()
    elif field.default is not MISSING:
        value = field.default
    else:
        return "required"
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{_list(value)}`"
    return f"`{value.as_posix() if isinstance(value, Path) else value}`"


def _list(values: tuple[Any, ...]) -> str:
    """Return a tuple as YAML."""
    return "[" + ", ".join(_list(v) if isinstance(v, tuple) else str(v) for v in values) + "]"


if __name__ == "__main__":
    PAGE.write_text(configuration_page(), encoding="utf-8")
