import json
from pathlib import Path

import pytest

from sapnet.system.written_files import (
    RECORD,
    check_output,
    record_written,
    remove_written,
    replacing_files,
)


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {RECORD}


def test_overwriting_removes_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with replacing_files(out, overwrite=False) as folder:
        write(folder, "a.txt", "labels/old.txt", "labels/deep/older.txt")
    write(out, "mine.txt", "labels/mine.txt")
    with pytest.raises(FileExistsError, match=r"out: holds files of an earlier run.*--overwrite"):
        check_output(out, overwrite=False)
    with replacing_files(out, overwrite=True) as folder:
        write(folder, "a.txt", "labels/new.txt")
    assert files(out) == {"a.txt", "labels/new.txt", "mine.txt", "labels/mine.txt"}
    assert not (out / "labels" / "deep").exists()
    assert json.loads((out / RECORD).read_text())["files"] == ["a.txt", "labels/new.txt"]


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "photo.jpg")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match=r"expected an empty folder, found photo\.jpg"):
            check_output(tmp_path, overwrite)
    check_output(tmp_path, overwrite=False, markers=("results.json",))


def test_older_results_without_a_record(tmp_path: Path) -> None:
    write(tmp_path, "results.json", "other.txt")
    with pytest.raises(FileExistsError, match=r"holds results\.json of an earlier run"):
        check_output(tmp_path, overwrite=False, markers=("results.json", "pictures"))
    check_output(tmp_path, overwrite=True, markers=("results.json", "pictures"))
    remove_written(tmp_path)
    assert files(tmp_path) == {"results.json", "other.txt"}


def test_an_error_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def stopped() -> None:
        with replacing_files(out, overwrite=True) as folder:
            write(folder, "half.txt")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not list(tmp_path.iterdir())
    with replacing_files(out, overwrite=False) as folder:
        write(folder, "whole.txt")
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert files(out) == {"whole.txt"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_record_names_nothing_outside(tmp_path: Path) -> None:
    write(tmp_path, "kept.txt", "out/a.txt")
    out = tmp_path / "out"
    names = ["a.txt", "../kept.txt", str(tmp_path / "kept.txt"), 7]
    (out / RECORD).write_text(json.dumps({"finished": True, "files": names}))
    remove_written(out)
    assert files(tmp_path) == {"kept.txt"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 5, "finished": 1}'])
def test_a_broken_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(FileExistsError, match="expected an empty folder"):
        check_output(tmp_path, overwrite=True)


def test_planned_files_may_be_absent(tmp_path: Path) -> None:
    record_written(tmp_path, [tmp_path / "a.txt"], finished=False)
    check_output(tmp_path, overwrite=False)
    remove_written(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder(tmp_path: Path) -> None:
    check_output(tmp_path / "new", overwrite=False)
    remove_written(tmp_path / "new")
    with replacing_files(tmp_path / "new", overwrite=True):
        pass
    assert not (tmp_path / "new").exists()
