"""Links of the repository, converted to links of the site.

On a code host, the pages link to source files, recipes and pages above `docs/`. The site has these
at other addresses. A link to a file that the site does not have becomes plain text.
"""

from __future__ import annotations

import os.path
import posixpath
import re
from pathlib import PurePosixPath

COPIED_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Site page by the file of the repository that it is made from."""

RECIPES_PAGE = "recipes.md"
API_FOLDER = "api"
API_INDEX = f"{API_FOLDER}/index.md"

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


def to_site_links(markdown: str, source: str) -> str:
    """Return the page's text with the links of the site; fenced code is left alone.

    Args:
        markdown: text of the page.
        source: the page's path in the repository, such as `docs/method.md`.
    """
    page = site_page(source)
    parts = _FENCE.split(markdown)
    for place in range(0, len(parts), 2):
        parts[place] = _LINK.sub(lambda found: _site_link(found, source, page), parts[place])
    return "".join(parts)


def site_page(path: str) -> str:
    """Return the site's page of a markdown file of the repository."""
    return COPIED_PAGES.get(path, path.removeprefix("docs/"))


def api_page(path: str) -> str:
    """Return the site's page of a source file: one per package, `index` for `sapnet`."""
    package = PurePosixPath(path).parent
    name = "-".join(package.parts[1:]) or "index"
    return f"{API_FOLDER}/{name}.md"


def module_name(path: str) -> str:
    """Return the dotted name of a source file."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def recipe_anchor(name: str) -> str:
    """Return the anchor of a recipe on the recipes' page, from its path below `recipes/`."""
    return name.replace("/", "-")


def _site_link(found: re.Match[str], source: str, page: str) -> str:
    mark, text, target = found.groups()
    path, hash_sign, anchor = target.partition("#")
    if target.startswith(("http://", "https://", "mailto:")) or not path:
        return found.group(0)
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    there = _target(inside, hash_sign + anchor)
    if there is None:
        return text
    return f"{mark}[{text}]({os.path.relpath(there, posixpath.dirname(page) or '.')})"


def _target(path: str, anchor: str) -> str | None:
    """Return the site's page of a path of the repository with its anchor, or None."""
    if path.startswith("sapnet/") and path.endswith(".py"):
        return f"{api_page(path)}#{module_name(path)}"
    if path.startswith("sapnet/recipes/") and path.endswith(".yaml"):
        name = path.removeprefix("sapnet/recipes/").removesuffix(".yaml")
        return f"{RECIPES_PAGE}#{recipe_anchor(name)}"
    if path.endswith(".md"):
        return site_page(path) + anchor
    if path.startswith("docs/"):
        return path.removeprefix("docs/") + anchor
    return None
