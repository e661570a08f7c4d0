"""Hooks of mkdocs: pages made from the code, links of the site, formulas as MathML."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import latex2mathml.converter
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from links import (  # noqa: E402  # beside this file
    API_INDEX,
    COPIED_PAGES,
    RECIPES_PAGE,
    api_page,
    module_name,
    recipe_anchor,
    to_site_links,
)

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the repository's other files and from the code."""
    made = {page: (ROOT / source).read_text("utf-8") for source, page in COPIED_PAGES.items()}
    made[RECIPES_PAGE] = _recipes_page()
    made |= _api_pages()
    for page, content in made.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Convert the links of the repository to those of the site."""
    del config, files
    sources = {made: source for source, made in COPIED_PAGES.items()}
    name = page.file.src_uri
    return to_site_links(markdown, sources.get(name, f"docs/{name}"))


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Convert formulas to MathML, which browsers show without a script from elsewhere."""
    del page, config, files
    return _FORMULA.sub(_mathml, html)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[2] == "[" else "inline"
    return latex2mathml.converter.convert(unescape(found[3]).strip(), display=display)


def _recipes_page() -> str:
    parts = [
        "# Recipes\n\nThe files of `sapnet/recipes/`, for `sapnet train --config NAME`. Flags "
        "after the recipe override it."
    ]
    for path in sorted((ROOT / "sapnet" / "recipes").rglob("*.yaml")):
        name = path.relative_to(ROOT / "sapnet" / "recipes").with_suffix("").as_posix()
        text = path.read_text("utf-8").rstrip()
        parts.append(f"## {name} {{#{recipe_anchor(name)}}}\n\n```yaml\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def _api_pages() -> dict[str, str]:
    """Make a page per package with all its modules, and an index of the packages."""
    modules: dict[str, list[str]] = defaultdict(list)
    sources: dict[str, Path] = {}
    for path in sorted((ROOT / "sapnet").rglob("*.py")):
        inside = path.relative_to(ROOT).as_posix()
        if path.name == "__main__.py":
            continue
        modules[api_page(inside)].append(module_name(inside))
        if path.name == "__init__.py":
            sources[api_page(inside)] = path
    pages, listed = {}, []
    for page, names in sorted(modules.items()):
        package = min(names, key=len)
        blocks = "\n\n".join(f"::: {name}" for name in names)
        pages[page] = f"# {package}\n\n{blocks}\n"
        if page != API_INDEX:
            listed.append(f"* [{package}]({Path(page).name}): {_first_line(sources[page])}")
    package = "::: sapnet\n    options: {members: false, heading_level: 1}"
    parts = [package, "## Public names", "\n".join(_public_names()), "## Packages"]
    return pages | {API_INDEX: "\n\n".join([*parts, "\n".join(listed)]) + "\n"}


def _public_names() -> list[str]:
    """Return a line per public name of `sapnet`, linked to the module that defines it."""
    lines = []
    for node in ast.walk(ast.parse((ROOT / "sapnet" / "__init__.py").read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not str(node.module).startswith("sapnet."):
            continue
        path = Path(*str(node.module).split(".")).with_suffix(".py")
        body = ast.parse((ROOT / path).read_text("utf-8")).body
        documented = {
            found.name: (ast.get_docstring(found) or "").partition("\n")[0]
            for found in body
            if isinstance(found, ast.ClassDef | ast.FunctionDef)
        }
        page = Path(api_page(path.as_posix())).name
        lines += [
            f"* [`{alias.name}`]({page}#{node.module}.{alias.name}): {documented[alias.name]}"
            for alias in node.names
            if alias.name in documented
        ]
    return sorted(lines)


def _first_line(path: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
