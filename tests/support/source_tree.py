"""The source files of the repository as syntax trees: imports, functions, docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A source file.

    Attributes:
        name: dotted name; a package has that of its folder.
        path: of the file.
        text: its content.
        tree: its syntax tree.
    """

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def file(self) -> str:
        """Path below the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def num_lines(self) -> int:
        """Lines of the file."""
        return len(self.text.splitlines())


@cache
def read_modules(folder: str) -> tuple[Module, ...]:
    """Read all Python files below a folder of the repository, sorted by path."""
    return tuple(read_module(path) for path in sorted((ROOT / folder).rglob("*.py")))


def read_module(path: Path, root: Path = ROOT) -> Module:
    """Read one Python file; its name is that below `root`."""
    text = path.read_text("utf-8")
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, path, text, ast.parse(text, str(path)))


def imported_modules(module: Module, known: Mapping[str, Module]) -> set[str]:
    """Return the known modules that a module imports, lazily or for types alone included."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in known else base)
    return {name for name in found if name in known and name != module.name}


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """Return the module that an import names, relative ones resolved."""
    if not node.level:
        return str(node.module)
    is_package = module.path.name == "__init__.py"
    package = module.name if is_package else module.name.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{node.module}" if node.module else package


def functions(module: Module) -> Iterator[tuple[str, Definition]]:
    """Yield every function and method with its dotted name, nested ones included."""
    for name, node in definitions(module):
        if isinstance(node, Definition):
            yield name, node


def definitions(module: Module) -> Iterator[tuple[str, Definition | ast.ClassDef]]:
    """Yield every function and class with its dotted name inside the module, nested ones too."""
    waiting: list[tuple[str, ast.AST]] = [("", module.tree)]
    while waiting:
        prefix, parent = waiting.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, Definition | ast.ClassDef):
                name = f"{prefix}{node.name}"
                yield name, node
                waiting.append((f"{name}.", node))
            else:
                waiting.append((prefix, node))


def has_decorator(node: Definition | ast.ClassDef, *names: str) -> bool:
    """Return True if a definition has a decorator of one of these last names."""
    for decorator in node.decorator_list:
        expression = decorator.func if isinstance(decorator, ast.Call) else decorator
        last = expression.attr if isinstance(expression, ast.Attribute) else None
        if (expression.id if isinstance(expression, ast.Name) else last) in names:
            return True
    return False
