"""First lines of docstrings: short, a sentence that ends with a period, the thing first.

A function says what it does ("Convert predictions to detections."), in the imperative. A module,
class, constant or property may be a noun phrase ("Settings of the optimizer.").
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from source_tree import Module, definitions, read_modules

MAX_LENGTH = 88

QUESTIONS = ("What", "How", "Whether", "Where", "Who", "Which", "When", "Why", "So many")
"""Beginnings that make a reader wait for the thing that is described."""

DETERMINERS = frozenset(
    "a an the all each every both its their one two some any no this these those it them "
    "what how whether where who which when why".split()
)

VERBS = frozenset(
    "Accepts Adds Allows Appends Applies Asks Assigns Begins Brings Builds Calls Changes Checks "
    "Chooses Closes Collects Compares Computes Converts Copies Creates Cuts Decides Decodes "
    "Deletes Describes Divides Draws Drops Encodes Ends Evaluates Examines Exports Fills Finds "
    "Fits Forgets Freezes Gets Gives Goes Grows Hands Holds Imports Installs Is Joins Keeps Lays "
    "Leaves Lets Lights Lists Loads Looks Makes Matches Measures Merges Moves Opens Paints Parses "
    "Predicts Prepares Prints Proposes Puts Raises Rasterises Rasterizes Reads Refuses Registers "
    "Removes Renders Replaces Resizes Resumes Returns Saves Says Selects Sends Serves Sets Shows "
    "Skips Slides Sorts Splits Starts Stops Stores Takes Tells Trains Turns Updates Validates "
    "Waits Warns Writes Yields".split()
)
"""Third-person forms that are no plural of a noun at the beginning of a line here."""


def described() -> Iterator[tuple[str, str, bool]]:
    """Place and first line of every docstring, and whether it is that of a function."""
    for folder in ("sapnet", "benchmarks"):
        for module in read_modules(folder):
            yield from described_in(module)


def described_in(module: Module) -> Iterator[tuple[str, str, bool]]:
    """The same for one module."""
    nodes: list[tuple[str, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]
    nodes = [("", module.tree), *definitions(module)]
    for name, node in nodes:
        docstring = ast.get_docstring(node)
        if docstring:
            place = f"{module.file}: {name or 'module'}"
            yield place, docstring.splitlines()[0], not isinstance(node, ast.Module | ast.ClassDef)


def problems(line: str, of_function: bool) -> Iterator[str]:
    """What is wrong with a first line."""
    if len(line) > MAX_LENGTH:
        yield f"{len(line)} characters, expected at most {MAX_LENGTH}"
    if not line.endswith("."):
        yield "expected a period at the end"
    if line.startswith(tuple(f"{word} " for word in QUESTIONS)):
        yield "expected the thing first, not a question word"
    if of_function and is_third_person(line):
        yield "expected the imperative (`Write`, not `Writes`)"


def is_third_person(line: str) -> bool:
    """True for lines such as "Writes the file." and "Names what is wrong."."""
    first, _, rest = line.partition(" ")
    first = first.rstrip(",.;:")
    if first in VERBS:
        return True
    is_form = first.endswith("s") and not first.endswith(("ss", "us", "'s", "is"))
    return is_form and first.lower() not in DETERMINERS | {"its"} and next_word(rest) in DETERMINERS


def next_word(rest: str) -> str:
    return rest.partition(" ")[0].rstrip(",.;:")


def test_first_lines() -> None:
    wrong = [
        f"{place}: {problem}: {line}"
        for place, line, of_function in described()
        for problem in problems(line, of_function)
    ]
    assert not wrong, "\n".join([f"{len(wrong)} first lines to rewrite:", *wrong])


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("Convert predictions to detections.", 0),
        ("Masks on the stride-4 grid.", 0),
        ("Names of the categories.", 0),
        ("Its labels.", 0),
        ("Pass the values on.", 0),
        ("What comes out.", 1),
        ("So many of the objects.", 1),
        ("Whatever is left, in order.", 0),
        ("Writes a file.", 1),
        ("Fits, then prints.", 1),
        ("Names the files.", 1),
        ("Rotates both maps.", 1),
        ("No period", 1),
        ("x" * MAX_LENGTH + ".", 1),
        ("How it turns" + " out" * 30, 3),
    ],
)
def test_the_rules(line: str, number: int) -> None:
    assert len(list(problems(line, of_function=True))) == number


def test_a_class_may_begin_with_a_plural() -> None:
    assert not list(problems("Draws the network.", of_function=False))
