"""The file of what was seen: kept over sessions, dropped with other weights, mended if damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sapnet.annotate.suggest.seen import SeenFile, SeenImage
from tests.annotate.suggest.seen_squares import seen_squares, square


def same(first: SeenImage, second: SeenImage) -> bool:
    return first.instances == second.instances and np.allclose(
        first.vector, second.vector, atol=1e-3
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    seen = SeenFile(tmp_path / "clicks-seen.jsonl", "one")
    seen.add("süd/a.png", seen_squares(2, 0.3))
    seen.add("b.png", seen_squares(0, 0.7))
    seen.dismiss("b.png", [square(10)])
    seen.dismiss("b.png", [square(10), square(90)])
    return seen.path


def test_what_was_seen_is_read_again(path: Path) -> None:
    before = path.read_bytes()
    seen = SeenFile(path, "one")
    assert list(seen.images) == ["süd/a.png", "b.png"]
    assert same(seen.images["süd/a.png"], seen_squares(2, 0.3))
    assert seen.dismissed == {"b.png": (square(10), square(90))}
    assert path.read_bytes() == before


def test_other_weights_look_again_but_what_was_dismissed_stays(path: Path) -> None:
    seen = SeenFile(path, "two")
    assert seen.images == {}
    assert list(seen.dismissed) == ["b.png"]
    again = SeenFile(path, "two")
    assert list(again.dismissed) == ["b.png"]
    assert SeenFile(path, "one").images == {}  # they were dropped from the file, too


@pytest.mark.parametrize(
    "damage",
    [
        b'{"image": "c.png", "stamp": 0, "vec',  # a full disk
        b"\xff\xfe\n",
        b"[1, 2]\n",
        b'{"image": "c.png", "stamp": 0, "vector": "AAA=", "seen": []}\n',
        b'{"image": "c.png", "stamp": 0, "vector": "AAAAAAAA", "seen": []}\n',
        b'{"image": "c.png", "dismissed": [{"size": [4, 4], "counts": "zz"}]}\n',
        b'{"image": "c.png", "dismissed": 7}\n',
    ],
)
def test_damaged_lines_are_dropped(path: Path, damage: bytes) -> None:
    path.write_bytes(path.read_bytes() + damage)
    seen = SeenFile(path, "one")
    assert list(seen.images) == ["süd/a.png", "b.png"]
    assert list(seen.dismissed) == ["b.png"]
    assert damage.strip() not in path.read_bytes()
    seen.add("d.png", seen_squares())
    assert len(SeenFile(path, "one").images) == 3
