"""The site builds without a warning, its own links hold, and it asks no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytest.importorskip("mkdocs", reason="the site needs the extra `docs`")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    words = ["-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_pages_made_from_code_and_from_other_files_are_there(site: Path) -> None:
    method = (site / "method.html").read_text("utf-8")
    assert 'href="api/selection.html#sapnet.selection.branch"' in method
    assert "<math" in method
    assert "arithmatex" not in method
    api = (site / "api" / "selection.html").read_text("utf-8")
    assert 'id="sapnet.selection.branch.SelectionBranch.forward"' in api
    assert 'href="tutorial.html"' in (site / "index.html").read_text("utf-8")
    assert 'src="figures/annotate-desktop.png"' in (site / "index.html").read_text("utf-8")
    assert "resnet18" in (site / "recipes.html").read_text("utf-8")


def test_every_link_into_the_api_has_its_anchor(site: Path) -> None:
    wanted = {
        (page.parent / target).resolve()
        for page in site.glob("*.html")
        for target in re.findall(r'href="(api/[\w-]+\.html#[\w.]+)"', page.read_text("utf-8"))
    }
    assert len(wanted) > 20
    for target in wanted:
        path, _, anchor = str(target).partition("#")
        assert f'id="{anchor}"' in Path(path).read_text("utf-8"), target


def test_nothing_is_asked_of_other_hosts(site: Path) -> None:
    loaded = re.compile(r"<(?:script|img|iframe|source)[^>]*\bsrc=[\"']?(https?:[^\"' >]+)")
    styled = re.compile(r"<link(?=[^>]*\brel=[\"']?(?:stylesheet|preconnect|icon))[^>]*https?:")
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert loaded.findall(text) == [], page
        assert styled.findall(text) == [], page


def test_the_configuration_page_is_that_of_the_code() -> None:
    sys.path.insert(0, str(ROOT / "docs" / "generator"))
    try:
        from configuration import PAGE, configuration_page
    finally:
        sys.path.pop(0)
    assert PAGE.read_text("utf-8") == configuration_page(), "out of date: run `make docs`"
