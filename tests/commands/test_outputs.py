from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sapnet.cli import main

if TYPE_CHECKING:
    from tests.conftest import TinySet


@pytest.mark.parametrize(
    "words",
    [
        "points --truth FILE",
        "points --truth ./FILE",
        "points --truth LINK",
        "convert FILE",
        "convert FILE --to coco-rle --images IMAGES",
        "evaluate --labels FILE --truth FILE",
        "enhance --images IMAGES --clicks FILE",
        "train-proposer --data IMAGES --from FILE",
    ],
)
def test_a_file_that_is_read_is_not_written_over(
    words: str,
    tiny_set: TinySet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    content = tiny_set.truth.read_bytes()
    Path("a.json").write_bytes(content)
    Path("link.json").symlink_to("a.json")
    for name, value in (("FILE", "a.json"), ("LINK", "link.json")):
        words = words.replace(name, value)
    words = words.replace("IMAGES", str(tiny_set.images))
    assert main([*words.split(), "--out", "a.json"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "--out: expected another file than those that are read, found a.json" in error
    assert Path("a.json").read_bytes() == content


def test_a_text_that_is_no_path_is_no_trouble(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"")
    words = ["train-proposer", "--data", str(tmp_path / "absent"), "--licence", "x" * 5000]
    assert main([*words, "--out", str(out)]) == 1
    assert "absent: no such folder or file" in capsys.readouterr().err
