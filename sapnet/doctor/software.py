"""Examination of the installed packages: their fit to sapnet and to each other."""

from __future__ import annotations

import importlib
import platform
import re
from collections.abc import Iterator, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from sapnet.doctor.finding import Examination, Fact, Finding
from sapnet.system.version import __version__

PACKAGE = "sapnet"

_TORCH_TO_VISION = 15
"""torch 2.n belongs to torchvision 0.(n + 15), since 2.0 (torchvision's read-me)."""


def examine_software() -> Examination:
    """Examine the versions of Python and of all requirements of sapnet."""
    requirements = _requirements()
    facts = [
        Fact("sapnet", __version__),
        Fact("python", f"{platform.python_version()} ({platform.platform()})"),
        *_version_facts(requirements),
    ]
    findings = [*check_bounds(requirements), *_check_pair(), *_check_operators()]
    return Examination("software", tuple(facts), tuple(findings))


def _requirements() -> list[Requirement]:
    """Return the requirements of the installed sapnet; none if it is not installed."""
    try:
        lines = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return []
    return [Requirement(line) for line in lines]


def _version_facts(requirements: Sequence[Requirement]) -> Iterator[Fact]:
    """Yield version and bound of each requirement, and of the installed extras."""
    if not requirements:
        yield Fact(
            "requirements", "not known: sapnet runs from its sources without being installed"
        )
    for requirement in requirements:
        found = _installed(requirement.name)
        is_needed = _is_needed(requirement)
        if not is_needed and (found is None or _is_for_development(requirement)):
            continue
        bound = f", needs {requirement.specifier}" if requirement.specifier else ""
        yield Fact(requirement.name, f"{found or 'missing'}{bound}")


def check_bounds(requirements: Sequence[Requirement]) -> Iterator[Finding]:
    """Find packages that are missing, or older than sapnet needs.

    Args:
        requirements: requirements of sapnet and of its extras; the latter count only if installed.
    """
    for requirement in requirements:
        found = _installed(requirement.name)
        is_needed = _is_needed(requirement)
        if found is None and is_needed:
            yield Finding(
                "error",
                "package missing",
                f"expected {requirement.name}{requirement.specifier}, found none. "
                f"Run `pip install '{requirement.name}{requirement.specifier}'`.",
                place=requirement.name,
            )
        elif found is not None and not requirement.specifier.contains(found, prereleases=True):
            yield Finding(
                "error" if is_needed else "warning",
                "package too old",
                f"expected {requirement.name}{requirement.specifier}, found {found}. "
                f"Run `pip install --upgrade '{requirement.name}{requirement.specifier}'`.",
                place=requirement.name,
            )


def fitting_torchvision(torch_version: str) -> str | None:
    """Return the torchvision release series for a torch version, such as "0.19" for "2.4.1".

    Args:
        torch_version: version of torch, including the local part (`+cu130`).

    Returns:
        Major and minor version; None for a torch version without a known partner.
    """
    version = Version(torch_version)
    return f"0.{version.minor + _TORCH_TO_VISION}" if version.major == 2 else None


def _is_needed(requirement: Requirement) -> bool:
    """Return True for a requirement of sapnet itself, not of an extra, on this machine."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _is_for_development(requirement: Requirement) -> bool:
    return requirement.marker is not None and requirement.marker.evaluate({"extra": "dev"})


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _check_pair() -> Iterator[Finding]:
    """Check that the releases of torch and torchvision belong together."""
    torch_version, vision_version = _installed("torch"), _installed("torchvision")
    if torch_version is None or vision_version is None:
        return
    fitting = fitting_torchvision(torch_version)
    found = ".".join(vision_version.split(".")[:2])
    if fitting is not None and found != fitting:
        yield Finding(
            "warning",
            "torch and torchvision differ",
            f"expected torchvision {fitting} beside torch {torch_version}, found {vision_version}. "
            "Install both in one command, from one index.",
        )
    builds = {re.sub(r"^[^+]*", "", version) for version in (torch_version, vision_version)}
    if len(builds - {""}) > 1:
        yield Finding(
            "warning",
            "torch and torchvision differ",
            f"expected one build of both, found torch {torch_version} and torchvision "
            f"{vision_version}. Install both in one command, from one index.",
        )


def _check_operators() -> Iterator[Finding]:
    """Check that the heavy libraries can be imported, and that torchvision's operators run."""
    for name in ("torch", "torchvision", "timm", "transformers", "lightning", "cv2"):
        try:
            importlib.import_module(name)
        except (ImportError, OSError, RuntimeError) as error:
            yield Finding(
                "error",
                "package cannot be imported",
                f"`import {name}` failed: {error}. Install it again; torch and torchvision "
                "together, from one index.",
                place=name,
            )
            if name in ("torch", "torchvision"):
                return
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 8.0], [20.0, 0.0, 30.0, 9.0]])
    try:
        kept = torchvision.ops.nms(boxes, torch.tensor([0.5, 0.9, 0.7]), 0.5).tolist()
    except (RuntimeError, AttributeError) as error:
        yield Finding(
            "error",
            "torch and torchvision differ",
            f"expected torchvision::nms to run, found: {error}. Run `pip install "
            "--force-reinstall torch torchvision`.",
        )
        return
    if kept != [1, 2]:
        yield Finding(
            "error",
            "torch and torchvision differ",
            f"expected torchvision::nms to keep boxes 1 and 2 of three, found {kept}. Run `pip "
            "install --force-reinstall torch torchvision`.",
        )
