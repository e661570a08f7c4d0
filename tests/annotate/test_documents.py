from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sapnet.annotate.documents import Document, FileChangedError, WatchedFile
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import Click


def test_the_version_depends_on_all_that_the_page_can_change() -> None:
    click = Click(1, 1, 1, ((3.0, 4.0),))
    mask = encode_masks(np.ones((1, 2, 2), np.uint8))[0]
    changed = [
        replace(click, annotation_id=2),
        replace(click, category_id=2),
        replace(click, points=((3.0, 5.0),)),
        replace(click, negative_points=((1.0, 1.0),)),
        replace(click, mask=mask),
    ]
    documents = [Document(), *(Document((entry,)) for entry in (click, *changed))]
    documents.append(Document((click,), is_done=True))
    assert len({document.version for document in documents}) == len(documents)
    same = replace(click, points=((3, 4),), image_id=9)
    assert Document((same,)).version == Document((click,)).version


def test_a_watched_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    watched = WatchedFile(path, "sapnet test")
    watched.require_unchanged()
    path.write_text("ours")
    watched.note_written()
    watched.require_unchanged()
    path.write_text("of another program")
    with pytest.raises(FileChangedError, match=r"file\.json was changed .* Stop `sapnet test`"):
        watched.require_unchanged()
