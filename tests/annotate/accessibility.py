"""Accessibility of the click page, judged by axe-core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axe import axe_source, broken_rules

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver


def serious_problems(driver: PageDriver) -> list[str]:
    """Rules that axe-core finds broken on the page, with the first place of each."""
    driver.page.add_init_script(axe_source())
    driver.page.reload()
    driver.ready()
    return broken_rules(driver.page)
