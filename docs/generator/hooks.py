"""Hooks of mkdocs: pages made from the code, and links and formulas as the site needs them."""

from __future__ import annotations

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
    """Adds the pages that are made from the repository's other files and from the code."""
    made = {page: (ROOT / source).read_text("utf-8") for source, page in COPIED_PAGES.items()}
    made[RECIPES_PAGE] = _recipes_page()
    made |= _api_pages()
    for page, content in made.items():
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Brings the links of the repository to the site."""
    del config, files
    sources = {made: source for source, made in COPIED_PAGES.items()}
    name = page.file.src_uri
    return to_site_links(markdown, sources.get(name, f"docs/{name}"))


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Writes formulas as MathML, which browsers show without a script from elsewhere."""
    del page, config, files
    return _FORMULA.sub(_mathml, html)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[2] == "[" else "inline"
    return latex2mathml.converter.convert(unescape(found[3]).strip(), display=display)


def _recipes_page() -> str:
    parts = [
        "# Recipes\n\nThe files of `sapnet/recipes/`, for `sapnet train --config NAME`. Flags "
        "after the recipe win over it."
    ]
    for path in sorted((ROOT / "sapnet" / "recipes").rglob("*.yaml")):
        name = path.relative_to(ROOT / "sapnet" / "recipes").with_suffix("").as_posix()
        text = path.read_text("utf-8").rstrip()
        parts.append(f"## {name} {{#{recipe_anchor(name)}}}\n\n```yaml\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def _api_pages() -> dict[str, str]:
    """One page per package, with every module that says what it is."""
    modules: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "sapnet").rglob("*.py")):
        inside = path.relative_to(ROOT).as_posix()
        if path.name != "__main__.py":
            modules[api_page(inside)].append(module_name(inside))
    pages = {}
    for page, names in modules.items():
        package = min(names, key=len)
        blocks = "\n\n".join(f"::: {name}" for name in names)
        pages[page] = f"# {package}\n\n{blocks}\n"
    others = [page for page in sorted(pages) if page != "api/index.md"]
    listed = "\n".join(f"* [{min(modules[p], key=len)}]({Path(p).name})" for p in others)
    index = pages["api/index.md"].replace("# sapnet\n", f"# API\n\nPackages:\n\n{listed}\n", 1)
    return pages | {"api/index.md": index}
