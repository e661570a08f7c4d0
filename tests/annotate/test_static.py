"""Checks of the page's files that need no browser."""

import re

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")


from sapnet.annotate.server import STATIC

TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0  # WCAG 2.2 AA
PAIRS = [
    ("text", "surface", TEXT_CONTRAST),
    ("text", "ground", TEXT_CONTRAST),
    ("text", "raised", TEXT_CONTRAST),
    ("text", "accent-soft", TEXT_CONTRAST),
    ("dim", "surface", TEXT_CONTRAST),
    ("dim", "ground", TEXT_CONTRAST),
    ("dim", "raised", TEXT_CONTRAST),
    ("dim", "accent-soft", TEXT_CONTRAST),
    ("accent-text", "accent", TEXT_CONTRAST),
    ("bad", "surface", TEXT_CONTRAST),
    ("surface", "bad", TEXT_CONTRAST),
    ("surface", "text", TEXT_CONTRAST),
    ("accent", "surface", MARK_CONTRAST),
    ("accent", "stage", MARK_CONTRAST),
    ("warn", "surface", MARK_CONTRAST),
    ("good", "surface", MARK_CONTRAST),
]


def themes() -> dict[str, dict[str, str]]:
    """The colours of each block of variables: light, dark by choice, dark by the system."""
    css = (STATIC / "shared/page.css").read_text(encoding="utf-8")
    blocks = re.findall(r"(:root[^{]*)\{([^}]*--text[^}]*)\}", css)
    return {
        selector.strip(): dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        for selector, block in blocks
    }


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_contrast(front: str, back: str, least: float) -> None:
    assert len(themes()) == 3
    for selector, colors in themes().items():
        light, dark = sorted((luminance(colors[front]), luminance(colors[back])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least, selector


def test_both_ways_to_the_dark_theme_are_one_theme() -> None:
    _, chosen, by_system = themes().values()
    assert chosen == by_system


def test_no_file_names_another_host() -> None:
    for path in STATIC.glob("*/*"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[\w-]+\.\w", text), path.name


def test_every_module_and_style_is_reached_from_the_page() -> None:
    # the session names the module of a mode; the audit is a page of its own
    seen = {STATIC / "click/index.html", STATIC / "review/review.js", STATIC / "audit/index.html"}
    waiting = sorted(seen)
    while waiting:
        path = waiting.pop()
        text = path.read_text(encoding="utf-8")
        named = {STATIC / name for name in re.findall(r"/static/([\w/.]+)", text)}
        named |= {(path.parent / name).resolve() for name in re.findall(r'from "(\.[^"]+)"', text)}
        waiting += named - seen
        seen |= named
    assert seen == set(STATIC.glob("*/*"))


def test_shared_modules_import_no_page() -> None:
    for path in (STATIC / "shared").glob("*.js"):
        assert re.findall(r'from "(?!\./)[^"]+"', path.read_text(encoding="utf-8")) == [], path.name
