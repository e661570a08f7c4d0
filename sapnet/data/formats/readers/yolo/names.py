"""Names of the classes of a YOLO data set: `data.yaml`, `classes.txt` or `obj.names`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from sapnet.data.formats.signs import CLASSES_FILE, DATA_FILE, OBJ_DATA, OBJ_NAMES
from sapnet.data.problems import RecordError
from sapnet.system.outside import is_text, shown

_MAX_CLASS = 1_000_000
_MAX_KEYPOINTS = 1_000
_USUAL_LISTS = ("train.txt", "valid.txt", "val.txt", "test.txt")


@dataclass(frozen=True)
class YoloNames:
    """Names of the classes of a data set, and what else it says about its labels.

    Attributes:
        by_label: the names by class number.
        keypoints: number of keypoints of a pose and values of each; (0, 0) for none.
        lists: text files that list images, and are no labels.
    """

    by_label: dict[int, str]
    keypoints: tuple[int, int] = (0, 0)
    lists: frozenset[str] = frozenset()


class _Loader(yaml.SafeLoader):
    """A loader that repeats single values only: repeated lists grow without bound."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401  # yaml's types
        is_alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if is_alias and not isinstance(node, yaml.ScalarNode):
            raise yaml.YAMLError("an alias stands for a list or a map, not for a single value")
        return node


def read_names(path: Path, root: Path) -> YoloNames:
    """Read the names of a data set.

    Args:
        path: the data set's folder or the file that was named.
        root: the data set's folder.

    Raises:
        ValueError: the file cannot be read, or holds no names.
    """
    if path.is_file() and path.suffix in (".yaml", ".yml"):
        return _of_yaml(path)
    if not path.is_file() and (root / DATA_FILE).is_file():
        return _of_yaml(root / DATA_FILE)
    if (root / OBJ_DATA).is_file() or (root / OBJ_NAMES).is_file():
        return _of_obj(root)
    if (root / CLASSES_FILE).is_file():
        return YoloNames(_lines(root / CLASSES_FILE))
    return YoloNames({})


def read_text(path: Path) -> str:
    """Read a text file.

    Raises:
        ValueError: it is no UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: expected UTF-8 text, but byte {error.start} is none ({error.reason}). "
            "Save it as UTF-8."
        ) from error


def _lines(path: Path) -> dict[int, str]:
    words = read_text(path).splitlines()
    return {number: word.strip() for number, word in enumerate(words) if word.strip()}


def _of_obj(root: Path) -> YoloNames:
    """Read `obj.data` of YOLO 1.1: lines such as `names = data/obj.names`."""
    entries: dict[str, str] = {}
    if (root / OBJ_DATA).is_file():
        for line in read_text(root / OBJ_DATA).splitlines():
            key, equals, value = line.partition("=")
            if equals:
                entries[key.strip()] = value.strip().replace("\\", "/")
    # CVAT writes `names = data/obj.names`, and puts the file beside obj.data.
    listed = PurePosixPath(entries.get("names", OBJ_NAMES))
    file = next((f for f in (root / listed, root / listed.name) if f.is_file()), root / listed.name)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file. It names the classes; export it as well.")
    lists = {PurePosixPath(value).name for value in entries.values()}
    return YoloNames(_lines(file), lists=frozenset({*_USUAL_LISTS, *lists}))


def _of_yaml(path: Path) -> YoloNames:
    try:
        content = yaml.load(read_text(path), _Loader)  # a SafeLoader
    except RecursionError as error:
        raise ValueError(f"{path}: is nested too deeply to be a data set. Correct it.") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:300]  # yaml quotes the lines around its error
        raise ValueError(f"{path}: cannot be read as yaml ({reason}). Correct it.") from error
    names = content.get("names") if isinstance(content, dict) else None
    if not isinstance(names, list | dict):
        raise ValueError(f"{path}: expected 'names' as a list or a map, found {shown(names)}.")
    pairs = enumerate(names) if isinstance(names, list) else names.items()
    by_label = dict(_entry(path, label, name) for label, name in pairs)
    return YoloNames(by_label, _keypoint_shape(path, content.get("kpt_shape")))


def _entry(path: Path, label: object, name: object) -> tuple[int, str]:
    is_label = isinstance(label, int) and not isinstance(label, bool)
    digits = label.strip() if isinstance(label, str) else ""
    number = label if is_label else int(digits) if digits.isdecimal() and len(digits) < 8 else -1
    if not (isinstance(number, int) and 0 <= number < _MAX_CLASS):
        raise RecordError(
            path, f"expected class numbers from 0, found {shown(label)}. Correct it.", place="names"
        )
    if isinstance(name, list | dict | bool | None) or not is_text(str(name)):
        advice = "Write it in quotation marks: yaml reads yes, no, on and off as true and false."
        advice = advice if isinstance(name, bool) else "Correct it."
        raise RecordError(
            path, f"expected text, found {shown(name)}. {advice}", place=f"name of class {number}"
        )
    return number, str(name).strip()


def _keypoint_shape(path: Path, shape: object) -> tuple[int, int]:
    if shape is None:
        return 0, 0
    pair = shape if isinstance(shape, list) and len(shape) == 2 else (0, 0)
    if type(pair[0]) is int and 1 <= pair[0] <= _MAX_KEYPOINTS and pair[1] in (2, 3):
        return pair[0], pair[1]
    raise ValueError(
        f"{path}: expected 'kpt_shape' as [number of keypoints, 2 or 3], found {shown(shape)}."
    )
