"""The Dockerfiles name files, extras, commands and options that exist; no image is built here."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from sapnet.cli import COMMANDS
from sapnet.commands.parser import build_parser, parse

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "docker").glob("*.Dockerfile"))


def instructions(path: Path) -> list[tuple[str, str]]:
    """Name and text of each instruction, in order."""
    text = path.read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines]


def test_there_is_one_for_each_use() -> None:
    assert [path.name for path in FILES] == ["annotate.Dockerfile", "train.Dockerfile"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_copied_exists_and_is_sent(path: Path) -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if "!" in line}
    copied = [text.split()[:-1] for name, text in instructions(path) if name == "COPY"]
    own = [source for sources in copied if "--from" not in sources[0] for source in sources]
    assert own
    for source in own:
        assert (ROOT / source).exists(), source
        assert source in sent, source
    # What pyproject.toml reads while the wheel is built must be there.
    assert {"README.md", "LICENSE", "pyproject.toml", "sapnet"} <= set(own)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_runs_without_root_and_from_the_wheel(path: Path) -> None:
    found = instructions(path)
    last_stage = max(i for i, (name, _) in enumerate(found) if name == "FROM")
    users = [text for name, text in found[last_stage:] if name == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    installs = [t for n, t in found[last_stage:] if n == "RUN" and "sapnet-*.whl" in t]
    extras = re.findall(r"\[(\w+)\]", installs[0])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(extras) <= set(project["optional-dependencies"])


def test_the_page_command_parses() -> None:
    (path,) = [path for path in FILES if path.name.startswith("annotate")]
    found = dict(instructions(path))
    words = [*json.loads(found["ENTRYPOINT"]), *json.loads(found["CMD"])]
    assert words[:2] == ["sapnet", "annotate"]
    parsed = parse(build_parser("annotate", COMMANDS["annotate"]), COMMANDS["annotate"], words[2:])
    assert str(parsed.port) == found["EXPOSE"]
    assert parsed.host == "0.0.0.0"
