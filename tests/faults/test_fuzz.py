"""Every reader on thousands of mutated files: a clear refusal or a reading, and nothing else."""

from __future__ import annotations

import copy
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from readers import GOOD, READERS, make_set

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from tests.data.formats.test_neighbours import CSV, JSONS, XML

hypothesis = pytest.importorskip("hypothesis", reason="fuzzing needs hypothesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

SECONDS = 2.0
GROWTH_KB = 200_000

Mutate = Callable[[st.DrawFn, Any], bytes]

TEXTS = {
    "csv": CSV,
    "cvat": XML,
    "yolo": "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.5 0.1 0.5 0.5\n",
    "data.yaml": "names: [car, dog]\nkpt_shape: [1, 3]\n",
}
"""Right content of the formats that are no json."""

NUMBERS = [0, -1, 0.5, 1e9, 1e300, float("inf"), float("nan"), 2**31, 2**63, 10**400, -(10**30)]
WORDS = ["", "text", "\ud800", "a\0b", "../../x.png", "/etc/passwd", "x" * 5000, "oooo", "1e9"]

CHANGES = ["deeper", "deeper", "deeper", "replace", "drop", "double", "swap"]

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.lists(st.one_of(st.integers(), st.none(), st.floats()), max_size=4),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


@st.composite
def mutated_json(draw: st.DrawFn, good: Any) -> bytes:  # noqa: ANN401
    """A right file of which one to three values were replaced, dropped, doubled or swapped."""
    value = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        value = mutate(draw, value)
    return json.dumps(value).encode()


def mutate(draw: st.DrawFn, value: Any) -> Any:  # noqa: ANN401
    """Change one place of a json value."""
    if not isinstance(value, dict | list) or not value:
        return draw(values)
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = draw(st.sampled_from(keys))
    what = draw(st.sampled_from(CHANGES))
    if what == "deeper":
        value[key] = mutate(draw, value[key])
    elif what == "replace":
        value[key] = draw(values)
    elif what == "drop":
        del value[key]
    elif what == "double" and isinstance(value, list):
        value.append(copy.deepcopy(value[key]))
    else:
        other = draw(st.sampled_from(keys))
        value[key], value[other] = value[other], value[key]
    return value


@st.composite
def mutated_bytes(draw: st.DrawFn, good: bytes) -> bytes:
    """The bytes of a right file, some of them replaced, cut off, doubled or of another place."""
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 12)))
        new = draw(
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from([str(number).encode() for number in NUMBERS]),
                st.just(bytes(content[start:stop]) * 2),
                st.sampled_from([b'"', b"'", b"<", b"&", b"[", b"{", b",", b"\n", b"9" * 400]),
            )
        )
        content[start:stop] = new
    return bytes(content)


CASES = st.one_of(
    st.sampled_from(sorted(READERS)).flatmap(
        lambda name: st.tuples(st.just(name), mutated_json(GOOD[name]))
    ),
    st.sampled_from(sorted(READERS)).flatmap(
        lambda name: st.tuples(st.just(name), mutated_bytes(json.dumps(GOOD[name]).encode()))
    ),
    st.sampled_from(sorted(JSONS)).flatmap(
        lambda name: st.tuples(st.just(name), mutated_json(JSONS[name]))
    ),
    st.sampled_from(sorted(TEXTS)).flatmap(
        lambda name: st.tuples(st.just(name), mutated_bytes(TEXTS[name].encode()))
    ),
)


def read(name: str, content: bytes, folder: Path) -> None:
    """Read a file with the reader of that name."""
    if name in READERS:
        path = folder / "tried.json"
        path.write_bytes(content)
        READERS[name](path, folder)
        return
    options = ReadOptions(name, images=folder / "images", key_frames=True)  # type: ignore[arg-type]
    if name in ("yolo", "data.yaml"):
        path = folder / "yolo"
        (path / "labels").mkdir(parents=True, exist_ok=True)
        given = {"yolo": TEXTS["yolo"].encode(), "data.yaml": TEXTS["data.yaml"].encode()}
        given[name] = content
        (path / "labels" / "a.txt").write_bytes(given["yolo"])
        (path / "data.yaml").write_bytes(given["data.yaml"])
        options = ReadOptions("yolo", images=folder / "images")
    else:
        path = folder / {"csv": "tried.csv", "cvat": "tried.xml"}.get(name, "tried.json")
        path.write_bytes(content)
    findings = Findings()
    read_any(path, findings, options)
    "\n".join(findings.lines()).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "set"
    make_set(folder)
    return folder


def fuzz(folder: Path, count: int, *, repeats: bool) -> None:
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=repeats,
        suppress_health_check=list(HealthCheck),
    )
    @given(CASES)
    def run(case: tuple[str, bytes]) -> None:
        name, content = case
        start = time.process_time()
        try:
            read(name, content, folder)
        except (ValueError, OSError) as error:
            message = str(error)
            assert len(message) < 1_000, message
            assert "\n" not in message.strip(), message
        assert time.process_time() - start < SECONDS

    for name, good in (*GOOD.items(), *JSONS.items()):  # imports count for none of the cases
        read(name, json.dumps(good).encode(), folder)
    for name, text in TEXTS.items():
        read(name, text.encode(), folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KB


def test_a_thousand_cases(folder: Path) -> None:
    fuzz(folder, 1_000, repeats=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_cases(folder: Path) -> None:
    fuzz(folder, 20_000, repeats=False)
