"""The documentation is checked against the repository: links, commands, code and json."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sapnet.cli import COMMANDS
from sapnet.commands.parser import build_parser, parse

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")
NOT_OPTIONS = {"model.selection", "model.py", "model.safetensors"}
"""What looks like an option in the text: a group of settings, files."""
INLINE_COMMAND = re.compile(r"`sapnet ([a-z]+(?:-[a-z]+)*)\b")


def outside_fences(text: str) -> str:
    return FENCE.sub("", text)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Page and content of every fenced block of a language, indentation removed."""
    for page in PAGES:
        for indent, found, content in FENCE.findall(page.read_text(encoding="utf-8")):
            if found == language:
                lines = [line.removeprefix(indent) for line in content.splitlines()]
                yield str(page.relative_to(ROOT)), "\n".join(lines)


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub gives the headings of a page."""
    text = outside_fences(page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Page and words of every `sapnet` command of the bash blocks and of the help's examples."""
    for page, content in blocks("bash"):
        for line in content.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == "sapnet":
                yield page, words[1:]
    for name, command in COMMANDS.items():
        for example in command.examples:
            yield f"sapnet {name} --help", shlex.split(example)[1:]


def broken_links(page: Path) -> list[str]:
    broken = []
    for target in LINK.findall(outside_fences(page.read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        is_known = path.exists() and (not anchor or anchor in anchors(path))
        if not is_known:
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    assert broken_links(page) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Some `title` here+\n[good](#some-title-here) [no file](absent.md) [no heading](#other)\n"
        "[nested [brackets]](page.md#some-title-here) [web](https://example.org)\n"
        "```bash\n# [in a fence](nowhere)\n```\n"
    )
    assert broken_links(page) == ["absent.md", "#other"]


def test_the_pages_name_the_commands_that_exist() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert set(INLINE_COMMAND.findall(text)) == set(COMMANDS)


@pytest.mark.parametrize(
    ("page", "words"),
    command_lines(),
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_command_lines_parse(
    page: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = next(content for name, content in blocks("yaml") if name == "docs/tutorial.md")
    Path("recipe.yaml").write_text(recipe, encoding="utf-8")
    name, *options = words
    parser = build_parser(name, COMMANDS[name])
    try:
        parsed = parse(parser, COMMANDS[name], options)
    except SystemExit:
        pytest.fail(f"{page}: `sapnet {' '.join(words)}` does not parse")
    assert vars(parsed)


def test_options_named_in_the_text_exist() -> None:
    known = {
        option.removeprefix("--").replace("-", "_")
        for name, command in COMMANDS.items()
        for option in build_parser(name, command)._option_string_actions
    }
    for page in PAGES:
        for span in re.findall(r"`([^`]+)`", outside_fences(page.read_text(encoding="utf-8"))):
            is_ours = span.startswith(("sapnet ", "--"))
            named = re.findall(r"--([a-z][\w.-]*)", span) if is_ours else []
            named += re.findall(r"^model\.[\w.]+\w$", span)
            unknown = {name for name in named if name.replace("-", "_") not in known}
            assert unknown <= NOT_OPTIONS, f"{page.name}: {span}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_are_written_with_dashes(page: Path) -> None:
    assert re.findall(r"(?<![\w-])--[a-z][a-z0-9.]*_\w*", page.read_text(encoding="utf-8")) == []


def test_a_wrong_option_does_not_parse(capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser("points", COMMANDS["points"])
    with pytest.raises(SystemExit):
        parser.parse_args(["--truth", "a.json", "--out", "b.json", "--no-such-option", "1"])
    assert "no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize(("page", "content"), blocks("python"))
def test_python_blocks_compile_and_import_what_exists(page: str, content: str) -> None:
    tree = ast.parse(content, page)
    compile(tree, page, "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sapnet."):
            source = ROOT / f"{str(node.module).replace('.', '/')}.py"
            defined = definitions(source)
            assert {alias.name for alias in node.names} <= defined, f"{page}: {node.module}"


def definitions(source: Path) -> set[str]:
    """Functions and classes of a module, read without importing it."""
    body = ast.parse(source.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize(("page", "content"), blocks("json"))
def test_json_blocks_parse(page: str, content: str) -> None:
    assert json.loads(content), page


@pytest.mark.parametrize(("page", "content"), blocks("yaml"))
def test_yaml_blocks_parse(page: str, content: str) -> None:
    assert isinstance(yaml.safe_load(content), dict), page


def test_files_and_functions_of_the_method_page_exist() -> None:
    """Names in code font after a link to a module are defined in it."""
    text = outside_fences((ROOT / "docs" / "method.md").read_text(encoding="utf-8"))
    rows = re.findall(r"\]\(\.\./(sapnet/[\w/]+\.py)\) ((?:`[\w.]+`(?:, )?)+)", text)
    assert len(rows) > 20
    for path, names in rows:
        source = (ROOT / path).read_text(encoding="utf-8")
        for name in re.findall(r"`([\w.]+)`", names):
            last = name.rsplit(".", 1)[-1]
            assert re.search(rf"(def|class) {last}\b", source), f"{path}: {name}"
