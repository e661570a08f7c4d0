"""The site builds without a warning, its own links hold, and it asks no other host for anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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
    assert 'src="figures/photographs.jpg"' in (site / "index.html").read_text("utf-8")
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


def test_the_index_of_the_api_is_short_and_links_to_every_package(site: Path) -> None:
    index = (site / "api" / "index.html").read_text("utf-8")
    content = index[index.index("<article") : index.index("</article")]
    assert len(content) < 20_000
    assert ">SAPNet</code></a>: " in content
    packages = {path.parent for path in (ROOT / "sapnet").rglob("*.py")} - {ROOT / "sapnet"}
    for package in packages:
        page = "-".join(package.relative_to(ROOT / "sapnet").parts) + ".html"
        assert f'href="{page}"' in content, page


MEASURE = """() => {
    const limit = document.documentElement.clientWidth + 1
    const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)
    const inBox = e => { while (e && !scrolls(e)) e = e.parentElement; return e !== null }
    const out = [...document.querySelectorAll('.md-content *')].filter(
        e => e.getBoundingClientRect().right > limit && !inBox(e.parentElement))
    return [document.scrollingElement.scrollWidth, out.map(e => e.outerHTML.slice(0, 100))]
}"""
"""Width of the page, and the elements that stick out of it and not of a box that scrolls."""


def _measure_on_a_phone(pages: list[Path]) -> dict[str, tuple[int, list[str]]]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": 390, "height": 844})
        found = {}
        for page in pages:
            tab.goto(page.as_uri())
            found[page.name] = tuple(tab.evaluate(MEASURE))
        browser.close()
    return found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium (`apt-get install`)")
def test_no_page_is_wider_than_a_phone(site: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    # In a thread of its own: another test may have Playwright running in this one.
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(_measure_on_a_phone, pages).result()
    wrong = {name: result for name, result in found.items() if result != (390, [])}
    assert wrong == {}


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
