"""Inputs that once broke a reader, as they were found, and all wrong values in their place.

The folder of inputs is named by SAPNET_FUZZ. Those of `sapnet convert` are tried in
tests/data/formats/test_fuzz.py, through the command.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from readers import GOOD, READERS, make_set

FOLDER = Path(os.environ.get("SAPNET_FUZZ", "../shared/fuzz"))

SLOW = 2.0  # seconds of the processor

NAMES = ("tried.json", "a.png", "b.png", "in the labels", "set/images: ")
"""What a message names: the file, an image, the folder of images, or the kind of file."""

WRONG = [
    "null", "true", "-1", "0", "0.5", "1e400", "NaN", "9" * 400, str(2**63), "1e9", '"text"', '""',
    '"\\ud800"', '"a\\u0000b"', '"../../x.png"', '"/etc/passwd"', "[]", "{}", "[null]", "[[1]]",
    '{"a": 1}', "[" * 900 + "]" * 900, '"oooooooo"',
]  # fmt: skip
"""Texts of json values that are wrong almost everywhere."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readers") / "set"
    make_set(folder)
    return folder


def refused(name: str, path: Path, folder: Path, what: str = "") -> str | None:
    """The one sentence with which a reader refuses a file, None where it reads it."""
    start = time.process_time()
    message = None
    try:
        READERS[name](path, folder)
    except (ValueError, OSError) as error:
        message = str(error)
    except BaseException as error:
        pytest.fail(f"{name}, {what}: {error!r}")
    seconds = time.process_time() - start
    assert seconds < SLOW, f"{name}, {what}: {seconds:.1f} s"
    if message is not None:
        place = f"{name}, {what}: {message[:500]}"
        assert any(name in message for name in NAMES), place
        assert len(message) < 1_000 and len(message.splitlines()) == 1, place  # noqa: PT018
    return message


def found_inputs() -> list[object]:
    found = [
        pytest.param(path, id=path.stem)
        for path in sorted(FOLDER.glob("*.bin"))
        if path.stem.rpartition("-")[0] in READERS
    ]
    absent = pytest.mark.skip(reason=f"no inputs in {FOLDER} (set SAPNET_FUZZ)")
    return found or [pytest.param(None, id="absent", marks=absent)]


LENIENT = {"doctor_clicks", "doctor_inst"}  # they collect what is wrong


@pytest.mark.parametrize("path", found_inputs())
def test_reported_inputs(path: Path, folder: Path) -> None:
    name = path.stem.rpartition("-")[0]
    tried = folder / "tried.json"
    tried.write_bytes(path.read_bytes())
    message = refused(name, tried, folder)
    is_clipped = path.stem == "eval_truth-dfcc846a"  # a corner at 1e9 px: the rest is a mask
    assert (message is None) == (is_clipped or name in LENIENT)


@pytest.mark.parametrize("name", READERS)
def test_right_files_are_read(name: str, folder: Path) -> None:
    path = folder / "tried.json"
    path.write_text(json.dumps(GOOD[name]))
    assert refused(name, path, folder) is None


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Every place in a json value; of long lists, the first two entries."""
    yield way
    inner: Iterator[Any] = iter(())
    if isinstance(value, dict):
        inner = iter(value)
    elif isinstance(value, list):
        inner = iter(range(min(len(value), 5 if value and isinstance(value[0], dict) else 2)))
    for key in inner:
        yield from places(value[key], (*way, key))


def changed(value: Any, way: tuple[Any, ...], new: Any) -> Any:  # noqa: ANN401
    if not way:
        return new
    value = copy.deepcopy(value)
    inner = value
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = new
    return value


def dropped(value: Any, way: tuple[Any, ...]) -> Any:  # noqa: ANN401
    value = copy.deepcopy(value)
    inner = value
    for key in way[:-1]:
        inner = inner[key]
    del inner[way[-1]]
    return value


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_every_value_replaced(name: str, every: int, folder: Path) -> None:
    path, good, marker = folder / "tried.json", GOOD[name], "<the wrong value>"
    for number, way in enumerate(places(good)):
        template = json.dumps(changed(good, way, marker))
        for text in WRONG[number % every :: every]:
            path.write_text(template.replace(json.dumps(marker), text), encoding="utf-8")
            refused(name, path, folder, f"{way} = {text[:20]}")
        if way and number % every == 0:
            path.write_text(json.dumps(dropped(good, way)))
            refused(name, path, folder, f"without {way}")


@pytest.mark.parametrize("name", READERS)
def test_no_json(name: str, folder: Path) -> None:
    path = folder / "tried.json"
    deep = (b"[" * 100_000, b'{"images": ' + b"[" * 50_000, b'{"objects": ' + b'{"a":' * 50_000)
    for content in (b"", b"{", b"\xff\xfe\x00", b"1" * 10_000, *deep):
        path.write_bytes(content)
        assert refused(name, path, folder) is not None or name in LENIENT
