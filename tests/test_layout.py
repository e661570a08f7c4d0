"""The layout of the package: floors, import chains, and sizes of folders, files and functions.

A failing test names the import, folder, file or function and says what to do.
"""

from __future__ import annotations

import ast
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest
from source_tree import (
    ROOT,
    Definition,
    functions,
    has_decorator,
    imported_modules,
    read_module,
    read_modules,
)

FLOORS: tuple[tuple[str, ...], ...] = (
    ("__main__", "cli", "__init__"),
    ("commands", "api"),
    ("demo", "pipeline", "report", "doctor", "annotate"),
    ("enhancement", "teaching", "pretraining"),
    ("training",),
    ("labelling",),
    ("prediction",),
    ("network",),
    ("evaluation", "proposals", "batches"),
    ("backbones",),
    ("store",),
    ("data", "selection", "segmentation"),
    ("structures", "geometry", "system", "recipes"),
)
"""Rooms of `sapnet/` from top to bottom. A room may import those below it and, without a cycle,
those beside it. `__init__` is `sapnet/__init__.py`: the public names, for users."""

MAX_CHAIN = 12
MAX_TOP_FILES = 6
MAX_FOLDER_FILES = 14
MAX_FILE_LINES = 400
MAX_MEDIAN_LINES = 150
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6

FREE_FOLDERS = ("commands",)
"""Folders with one file per thing, as many as there are."""

WITH_ALL_OPTIONS: frozenset[str] = frozenset()
"""Public functions, such as `sapnet.api.train`, that take every option of their command."""

CODE = {".py", ".js", ".css", ".html", ".j2"}
"""Endings of the files that are counted; recipes and pictures are data."""


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(module.name) for module in read_modules("sapnet")}
    unknown = rooms - {room for floor in FLOORS for room in floor}
    assert not unknown, f"add {sorted(unknown)} to FLOORS, or move the files into a room"


def test_imports_run_down() -> None:
    wrong = upward(package_imports())
    assert not wrong, explain(
        wrong, "move what is needed to a lower room, or hand it in as an argument"
    )


def test_rooms_do_not_import_each_other_in_a_circle() -> None:
    edges: dict[str, set[str]] = defaultdict(set)
    for name, targets in package_imports().items():
        edges[room_of(name)] |= {room_of(target) for target in targets}
    circle = find_cycle(edges)
    assert not circle, f"{' > '.join(circle)}: move what both need to a lower room"


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    circle = find_cycle(package_imports())
    assert not circle, f"{' > '.join(circle)}: move what both need into a third module"


def test_import_chains_are_short() -> None:
    imports = package_imports()
    if find_cycle(imports):
        pytest.fail("there is a circle of imports; mend it first")
    chain = longest_chain(imports)
    assert len(chain) <= MAX_CHAIN, (
        f"{len(chain)} modules, expected at most {MAX_CHAIN}: {' > '.join(chain)}. Cut an import "
        "that is there for a constant or a type: put that into a light module near the bottom"
    )


def test_the_package_imports_no_benchmark_and_no_test() -> None:
    known = {m.name: m for folder in ("benchmarks", "tests") for m in read_modules(folder)}
    wrong = [
        f"{module.name} -> {target}"
        for module in read_modules("sapnet")
        for target in imported_modules(module, known)
    ]
    assert not wrong, explain(wrong, "move what is needed into the package")


def test_the_top_of_the_package_holds_few_files() -> None:
    files = sorted(path.name for path in (ROOT / "sapnet").iterdir() if path.suffix in CODE)
    assert len(files) <= MAX_TOP_FILES, (
        f"sapnet/ holds {files}, expected at most {MAX_TOP_FILES}: move some into rooms"
    )


@pytest.mark.parametrize("folder", ["sapnet", "benchmarks"])
def test_folders_are_small(folder: str) -> None:
    counts: dict[Path, int] = defaultdict(int)
    for path in (ROOT / folder).rglob("*"):
        if path.suffix in CODE and path.parent.name not in FREE_FOLDERS:
            counts[path.parent] += 1
    wrong = [
        f"{path.relative_to(ROOT)}: {count} files"
        for path, count in sorted(counts.items())
        if count > MAX_FOLDER_FILES
    ]
    assert not wrong, explain(wrong, f"expected at most {MAX_FOLDER_FILES}: make folders in it")


@pytest.mark.parametrize("folder", ["sapnet", "benchmarks"])
def test_files_are_short(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {count} lines"
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in CODE
        for count in [len(path.read_text("utf-8").splitlines())]
        if count > MAX_FILE_LINES
    ]
    assert not wrong, explain(wrong, f"expected at most {MAX_FILE_LINES}: split by concept")


def test_the_median_file_is_short() -> None:
    median = statistics.median(module.num_lines for module in read_modules("sapnet"))
    assert median <= MAX_MEDIAN_LINES, (
        f"the median file has {median} lines, expected at most {MAX_MEDIAN_LINES}: split long ones"
    )


@pytest.mark.parametrize("folder", ["sapnet", "benchmarks"])
def test_functions_are_short(folder: str) -> None:
    wrong = [
        f"{module.file}: {name}, {count} lines"
        for module in read_modules(folder)
        for name, function in functions(module)
        for count in [lines_of(function)]
        if count > MAX_FUNCTION_LINES
    ]
    assert not wrong, explain(
        wrong, f"expected at most {MAX_FUNCTION_LINES} without the docstring: take parts out"
    )


@pytest.mark.parametrize("folder", ["sapnet", "benchmarks"])
def test_functions_take_few_parameters(folder: str) -> None:
    wrong = [
        f"{module.file}: {name}, {len(found)} parameters"
        for module in read_modules(folder)
        for name, function in functions(module)
        for found in [parameters_of(function)]
        if len(found) > MAX_PARAMETERS
        and not has_decorator(function, "overload")
        and f"{module.name}.{name}" not in WITH_ALL_OPTIONS
    ]
    assert not wrong, explain(
        wrong, f"expected at most {MAX_PARAMETERS}: make a dataclass of what belongs together"
    )


# --- the rules themselves -----------------------------------------------------------------------


@cache
def package_imports() -> dict[str, set[str]]:
    """Modules of the package by the module that imports them."""
    known = {module.name: module for module in read_modules("sapnet")}
    return {name: imported_modules(module, known) for name, module in known.items()}


def room_of(name: str) -> str:
    """The first folder or file below `sapnet`; `__init__` for `sapnet` itself."""
    _, _, inside = name.partition(".")
    return inside.partition(".")[0] or "__init__"


def upward(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Imports of a room that stands above."""
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    return [
        f"{name} -> {target}"
        for name, targets in sorted(imports.items())
        for target in sorted(targets)
        if floor.get(room_of(target), 0) < floor.get(room_of(name), 0)
    ]


def find_cycle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """A circle of names, its first one repeated at the end; empty where there is none."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for target in sorted(edges.get(name, ())):
            if target != name and (found := visit(target, (*path, name))):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(edges) if (found := visit(name, ()))), [])


def longest_chain(edges: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The longest chain of imports; there must be no circle."""

    @cache
    def longest(name: str) -> tuple[str, ...]:
        chains = [longest(target) for target in sorted(edges.get(name, ()))]
        return (name, *max(chains, key=len, default=()))

    return max((longest(name) for name in sorted(edges)), key=len, default=())


def lines_of(function: Definition) -> int:
    """Lines of a function, from `def` on, without its docstring."""
    count = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        count -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return count


def parameters_of(function: Definition) -> list[str]:
    """Names of the parameters; neither self nor cls."""
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    names += [argument.arg for argument in (given.vararg, given.kwarg) if argument is not None]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def explain(wrong: list[str], advice: str) -> str:
    return "\n".join([f"{advice}:", *wrong])


def test_the_rules_find_what_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "sapnet"
    folder.mkdir()
    text = (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from sapnet.training.run import train\n"
        "def f(a, b, *, c, d, e, f, g):\n    '''Two\n\n    lines.\n    '''\n"
        "    import sapnet.geometry.boxes\n    from . import other\n    return a\n"
        "class K:\n    def m(self, a, *rest):\n        return a\n"
    )
    path = folder / "store.py"
    path.write_text(text)
    module = read_module(path, tmp_path)
    known = dict.fromkeys(
        ("sapnet.store", "sapnet.training.run", "sapnet.geometry.boxes", "sapnet.other"), module
    )
    found = imported_modules(module, known)
    assert found == {"sapnet.training.run", "sapnet.geometry.boxes", "sapnet.other"}
    assert upward({"sapnet.store": {"sapnet.training.run", "sapnet.geometry.boxes"}}) == [
        "sapnet.store -> sapnet.training.run"
    ]
    sizes = {name: (lines_of(node), len(parameters_of(node))) for name, node in functions(module)}
    assert sizes == {"f": (4, 7), "K.m": (2, 2)}


def test_circles_and_chains_are_found() -> None:
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert longest_chain({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == ("a", "b", "c")
