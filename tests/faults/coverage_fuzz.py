"""Coverage-guided fuzzing of every reader with atheris, which is not a test: it runs for hours.

    pip install atheris
    PYTHONPATH=.:tests/support python tests/faults/coverage_fuzz.py FOLDER -max_total_time=3600

The readers and seeds are those of `test_fuzz.py`. Inputs that end in anything but a reading or one
line, or take over 2 s, are written to FOLDER/findings, one of each kind; libFuzzer's own lines tell
executions, coverage (`cov`) and the corpus, which FOLDER/corpus keeps for the next run.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris  # type: ignore[import-not-found]

INSTRUMENTED = ["sapnet.data", "sapnet.structures", "sapnet.geometry", "sapnet.system.outside"]
INSTRUMENTED += ["sapnet.system.files", "sapnet.evaluation", "sapnet.annotate.click"]
INSTRUMENTED += ["sapnet.proposals.from_file", "sapnet.proposals.simulated", "sapnet.doctor"]

with atheris.instrument_imports(include=INSTRUMENTED):
    from readers import GOOD, READERS, make_set

    from tests.data.formats.test_neighbours import JSONS
    from tests.faults.test_fuzz import NUMBERS, SECONDS, TEXTS, WORDS, read

NAMES = sorted({*READERS, *JSONS, *TEXTS})
"""Readers; the first byte of an input chooses one."""

SEEDS = {
    **{name: json.dumps(good).encode() for name, good in (*GOOD.items(), *JSONS.items())},
    **{name: text.encode() for name, text in TEXTS.items()},
}

VALUES: list[Any] = [*NUMBERS, *WORDS, None, True, [], {}, [[1]], [None], {"a": 1}]

LONGEST_LINE = 1_000


class Fuzzer:
    """Tries inputs, and keeps those that end as none may.

    Args:
        folder: of the findings.
    """

    def __init__(self, folder: Path) -> None:
        self._findings = folder / "findings"
        self._findings.mkdir(parents=True, exist_ok=True)
        self._set = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        make_set(self._set / "set")
        self._seen: set[str] = set()
        for name, content in SEEDS.items():  # imports count for none of the inputs
            read(name, content, self._set / "set")

    def __call__(self, data: bytes) -> None:
        """Read one input: its first byte chooses the reader."""
        if not data:
            return
        name, content = NAMES[data[0] % len(NAMES)], data[1:]
        start = time.process_time()
        try:
            read(name, content, self._set / "set")
        except (ValueError, OSError) as error:
            message = str(error)
            if len(message) > LONGEST_LINE or "\n" in message.strip():
                self._keep(f"{name} message {_place(error)}", data, message)
        except Exception as error:
            self._keep(f"{name} {type(error).__name__} {_place(error)}", data, _trace(error))
        if time.process_time() - start > SECONDS:
            self._keep(f"{name} slow", data, "")

    def _keep(self, kind: str, data: bytes, text: str) -> None:
        if kind in self._seen:
            return
        self._seen.add(kind)
        stem = f"{len(self._seen):03} {kind}".replace(" ", "_").replace("/", ".")[:120]
        (self._findings / stem).write_bytes(data)
        (self._findings / f"{stem}.txt").write_text(f"{kind}\n{text}", errors="backslashreplace")
        sys.stderr.write(f"FINDING {kind}\n")


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change one value of a json input, or bytes of any."""
    rng = random.Random(seed)
    if rng.random() < 0.5:
        try:
            value = json.loads(data[1:])
            changed = data[:1] + json.dumps(_changed(value, rng)).encode()
        except (ValueError, RecursionError):
            changed = b""
        if 0 < len(changed) <= max_size:
            return changed
    found: bytes = atheris.Mutate(data, max_size)
    return found


def _changed(value: Any, rng: random.Random) -> Any:  # noqa: ANN401  # any json
    """Replace, drop or double one place of a json value."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return rng.choice(VALUES)
    key: Any = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
    action: Callable[[], Any] = rng.choice(
        [
            lambda: value.__setitem__(key, _changed(value[key], rng)),
            lambda: value.__setitem__(key, _changed(value[key], rng)),
            lambda: value.__setitem__(key, _changed(value[key], rng)),
            lambda: value.__delitem__(key),
            lambda: value.append(value[key]) if isinstance(value, list) else None,
        ]
    )
    action()
    return value


def main() -> None:
    """Write the seeds and fuzz until libFuzzer's options say stop."""
    logging.disable(logging.CRITICAL)
    folder = Path(sys.argv[1])
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for name, content in SEEDS.items():
        (corpus / f"seed_{name}").write_bytes(bytes([NAMES.index(name)]) + content)
    options = ["-max_len=16384", "-print_final_stats=1", "-timeout=20", "-rss_limit_mb=4096"]
    words = [sys.argv[0], *options, f"-artifact_prefix={folder}/", *sys.argv[2:], str(corpus)]
    with atheris.instrument_imports(include=INSTRUMENTED):  # readers import where they read
        fuzzer = Fuzzer(folder)
    atheris.Setup(words, fuzzer, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
