"""Nothing in the package is of one operating system alone, without its other half.

What a system may lack stands where the code asks for it first: beside `hasattr(os, ...)`, `getattr`
or `os.name`, in the same function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from source_tree import ROOT

POSIX_ONLY = {
    "os": {
        "chown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid",
        "getuid", "killpg", "mkfifo", "nice", "openpty", "posix_fadvise", "sched_getaffinity",
        "sched_setaffinity", "setpriority", "setsid", "setuid", "statvfs", "sysconf", "uname",
        "wait", "waitpid", "O_DIRECTORY", "O_NOFOLLOW", "PRIO_PROCESS",
    },
    "signal": {
        "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "alarm",
        "pause", "pthread_kill", "setitimer", "sigwait",
    },
}  # fmt: skip
"""What Windows does not have; some of it macOS neither."""

POSIX_MODULES = {"curses", "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios"}

TEXT_CALLS = {"read_text": 0, "write_text": 1, "open": 1}
"""Methods that read or write text, and the place of `encoding` among their arguments."""

ASKED_FIRST = {"/proc/meminfo", "/dev/shm"}
"""Paths that `sapnet doctor` looks for, and does without."""

GUARDS = {"hasattr", "getattr"}

Found = Iterator[tuple[int, str]]


def faults(tree: ast.Module) -> Found:
    """Line and description of everything that would not run, or write the same, elsewhere."""
    scopes = [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))]
    for scope in scopes:
        is_guarded = any(map(_asks, _inside(scope)))
        for node in _inside(scope):
            yield from _of_import(node)
            if not is_guarded:
                yield from _of_attribute(node)
            if isinstance(node, ast.Call):
                yield from _of_call(node)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if node.value in ASKED_FIRST:
                    continue
                if node.value.startswith(("/tmp/", "/dev/", "/proc/", "/home/")):
                    yield (
                        node.lineno,
                        f"the path {node.value!r}: ask tempfile, os.devnull or pathlib",
                    )


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    """Everything in a module or function, without the functions in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from _inside(child)


def _asks(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in GUARDS
    return isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.name", "sys.platform")


def _of_import(node: ast.AST) -> Found:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    for name in names:
        if name.partition(".")[0] in POSIX_MODULES:
            yield getattr(node, "lineno", 0), f"the module {name}: not on Windows"


def _of_attribute(node: ast.AST) -> Found:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.attr in POSIX_ONLY.get(node.value.id, ()):
            yield node.lineno, f"{node.value.id}.{node.attr}: ask with hasattr first"


def _of_call(node: ast.Call) -> Found:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    words = {keyword.arg: keyword.value for keyword in node.keywords}
    if ast.unparse(node.func) == "os.rename" or (
        name == "rename" and len(node.args) == 1 and not words
    ):
        yield node.lineno, "rename: on Windows it fails if the target exists; use replace"
    if name in ("get_context", "set_start_method") and "fork" in map(ast.unparse, node.args):
        yield node.lineno, "fork: use spawn"
    if name in ("get_context", "set_start_method") and "'fork'" in map(ast.unparse, node.args):
        yield node.lineno, "fork: use spawn"
    if name not in TEXT_CALLS or ast.unparse(node.func).startswith(
        ("Image.", "fsspec.", "os.", "rasterio.")
    ):
        return
    mode = _mode(node, name)
    if "b" in mode:
        return
    if "encoding" not in words and len(node.args) <= TEXT_CALLS[name]:
        yield node.lineno, f"{name} of text without encoding: Windows takes another one"
    if set("wax") & set(mode) and "newline" not in words:
        yield node.lineno, f"{name} of text without newline: Windows writes other line ends"


def _mode(node: ast.Call, name: str) -> str:
    if name != "open":
        return "w" if name == "write_text" else "r"
    place = 1 if isinstance(node.func, ast.Name) else 0
    modes = [keyword.value for keyword in node.keywords if keyword.arg == "mode"]
    modes += node.args[place : place + 1]
    return str(modes[0].value) if modes and isinstance(modes[0], ast.Constant) else "r"


def test_the_package_runs_on_every_system() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in sorted((ROOT / "sapnet").rglob("*.py"))
        for line, what in faults(ast.parse(path.read_text("utf-8")))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import fcntl", "the module fcntl"),
        ("from resource import getrlimit", "the module resource"),
        ("def f():\n    os.fork()", "os.fork"),
        ("os.kill(3, signal.SIGKILL)", "signal.SIGKILL"),
        ("os.rename('a', 'b')", "use replace"),
        ("path.rename(other)", "use replace"),
        ("get_context('fork')", "use spawn"),
        ("path.read_text()", "without encoding"),
        ("path.write_text(text, encoding='utf-8')", "without newline"),
        ("open('a', 'w', encoding='utf-8')", "without newline"),
        ("path.open()", "without encoding"),
        ("log = '/tmp/log'", "ask tempfile"),
    ],
)
def test_faults_are_found(line: str, message: str) -> None:
    assert any(message in what for _, what in faults(ast.parse(line)))


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    if hasattr(os, 'fork'):\n        os.fork()",
        "def f():\n    if os.name == 'posix':\n        os.getuid()",
        "path.open('rb')",
        "path.read_text('utf-8')",
        "path.open('w', encoding='utf-8', newline='')",
        "model.rename(name='a', other=2)",
        "Image.open(path)",
    ],
)
def test_what_is_fine_is_not_found(text: str) -> None:
    assert not list(faults(ast.parse(text)))
