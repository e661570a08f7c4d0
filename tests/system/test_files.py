import json
import math
from pathlib import Path

import pytest

from sapnet.system.files import read_json, replaced_file, write_json_atomic, write_text_atomic


@pytest.mark.parametrize("is_synced", [True, False])
def test_a_file_is_replaced_when_its_context_ends(tmp_path: Path, is_synced: bool) -> None:
    path = tmp_path / "new" / "bytes.bin"
    with replaced_file(path, is_synced=is_synced) as file:
        file.write(b"ab")
        assert not path.exists()
    assert path.read_bytes() == b"ab"
    with pytest.raises(TypeError), replaced_file(path, is_synced=is_synced) as file:
        file.write("text")  # type: ignore[arg-type]  # the error is the point
    assert path.read_bytes() == b"ab"
    assert [entry.name for entry in path.parent.iterdir()] == ["bytes.bin"]


def test_text_is_written_whole_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "note.txt"

    assert write_text_atomic(path, "späť\n") == path

    assert path.read_text(encoding="utf-8") == "späť\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["note.txt"]


def test_an_existing_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("a much longer old content")
    path.chmod(0o640)

    write_text_atomic(path, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_mode_of_a_plain_open(tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("")

    path = write_text_atomic(tmp_path / "note.txt", "")

    assert path.stat().st_mode == plain.stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json_atomic(path, {"label_miou": 0.5})

    with pytest.raises(UnicodeEncodeError):
        write_text_atomic(path, "\udc80")

    assert json.loads(path.read_text()) == {"label_miou": 0.5}
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]


def test_json_keeps_the_order_of_keys_and_turns_nan_into_null(tmp_path: Path) -> None:
    value = {"b": 1, "a": [math.nan, 0.25, (math.inf, -math.inf)], "c": {"d": math.nan}}

    path = write_json_atomic(tmp_path / "metrics.json", value)

    text = path.read_text()
    assert text.index('"b"') < text.index('"a"')
    assert json.loads(text) == {"b": 1, "a": [None, 0.25, [None, None]], "c": {"d": None}}


def test_what_json_cannot_hold_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json_atomic(tmp_path / "metrics.json", {"a": {1, 2}})

    assert list(tmp_path.iterdir()) == []


def test_json_is_read_with_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(FileNotFoundError, match=r"no such file\. Name it\."):
        read_json(path, "Name it.")
    path.write_text("[1]", encoding="utf-8-sig")
    assert read_json(path) == [1]
    path.write_text("{")
    with pytest.raises(ValueError, match="expected json, but it cannot be parsed"):
        read_json(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, "{", "\ud800"])
def test_json_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match=r"a.json: expected json, but it .*Export the file again"):
        read_json(path)
