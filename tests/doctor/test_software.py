from importlib import metadata

import pytest
from packaging.requirements import Requirement

from sapnet.doctor.software import check_bounds, examine_software, fitting_torchvision


@pytest.mark.parametrize(
    ("torch", "vision"),
    [("2.4.1", "0.19"), ("2.14.1+cu130", "0.29"), ("2.0.0", "0.15"), ("3.0.0", None)],
)
def test_releases_that_go_together(torch: str, vision: str | None) -> None:
    assert fitting_torchvision(torch) == vision


def _bounds(*lines: str) -> list[tuple[str, str, str]]:
    found = check_bounds([Requirement(line) for line in lines])
    return [(finding.severity, finding.kind, finding.place) for finding in found]


def test_bounds() -> None:
    numpy = metadata.version("numpy")
    assert _bounds(f"numpy>={numpy}", "numpy") == []
    assert _bounds("numpy>=999") == [("error", "package too old", "numpy")]
    assert _bounds("no-such-package-here>=1") == [
        ("error", "package missing", "no-such-package-here")
    ]


def test_extras_count_only_where_they_are_installed() -> None:
    assert _bounds("no-such-package-here>=1; extra == 'ui'") == []
    assert _bounds("numpy>=999; extra == 'ui'") == [("warning", "package too old", "numpy")]
    assert _bounds("no-such-package-here; python_version < '3'") == []


def test_this_installation_is_fine() -> None:
    found = examine_software()
    assert [finding for finding in found.findings if finding.severity == "error"] == []
    facts = {fact.name: fact.value for fact in found.facts}
    assert facts["torch"].startswith(metadata.version("torch"))
    assert "pytest" not in facts


def test_operators_that_do_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    def missing(*_: object) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(torchvision.ops, "nms", missing)
    found = [f for f in examine_software().findings if f.severity == "error"]
    assert [finding.kind for finding in found] == ["torch and torchvision differ"]
    assert "torchvision::nms does not exist" in found[0].message
