"""Build wheel and sdist from a clean clone, install them in fresh environments, and try them.

    python3 .ci/release.py                       the interpreters that are found, of 3.11 to 3.13
    python3 .ci/release.py --python 3.12 --torch-index https://download.pytorch.org/whl/cpu

It needs git and a package registry. What is not in the last commit is not in the release. The files
go to `dist/`; nothing is published.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = "ui"

NEEDED = (
    "sapnet/py.typed",
    "sapnet/network/*.safetensors",
    "sapnet/proposals/click/*.safetensors",
    "sapnet/recipes/*.yaml",
    "sapnet/report/templates/*",
    "sapnet/annotate/static/*",
    "sapnet/demo/nuclei/*",
)
"""Files without which an installed package does not do its work."""

UNWANTED = re.compile(r"^(tests|benchmarks|docs|\.ci)/|\.pyc$|(^|/)\.[^/]+$")


def main() -> int:
    """Build, check, install and try; return 0 if all that could be tried works."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--python", nargs="*", default=PYTHONS, help="versions to try")
    parser.add_argument("--torch-index", help="index of torch's wheels, such as that for CPUs")
    parser.add_argument("--build-only", action="store_true", help="install nothing")
    args = parser.parse_args()
    if _output("git", "-C", ROOT, "status", "--porcelain"):
        print("note: there are changes that are not committed; they are not in the release")
    with tempfile.TemporaryDirectory(prefix="sapnet-release-") as folder:
        work = Path(folder)
        uv = _uv(work)
        clone = work / "clone"
        _run("git", "clone", "--quiet", ROOT, clone)
        version = _check_versions(clone)
        wheel, sdist = _build(uv, clone, work / "dist")
        _check_contents(wheel, sdist, version)
        shutil.copytree(work / "dist", ROOT / "dist", dirs_exist_ok=True)
        print(f"built {wheel.name} and {sdist.name}: {ROOT / 'dist'}")
        if args.build_only:
            return 0
        results = {name: _try(uv, work, name, wheel, args) for name in args.python}
    for name, result in results.items():
        print(f"Python {name}: {result}")
    return 0 if "works" in results.values() and "fails" not in results.values() else 1


def _uv(work: Path) -> Path:
    """Install uv, which builds, finds interpreters and makes environments."""
    _run(sys.executable, "-m", "venv", work / "tools")
    programs = work / "tools" / ("Scripts" if os.name == "nt" else "bin")
    _run(
        programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"
    )
    return programs / "uv"


def _check_versions(clone: Path) -> str:
    """Return the version, which the citation has as well, and whose changes are listed."""
    text = (clone / "sapnet/system/version.py").read_text("utf-8")
    (version,) = re.findall(r'__version__ = "(.+)"', text)
    cited = re.findall(r"^version: (.+)$", (clone / "CITATION.cff").read_text("utf-8"), re.M)
    if cited != [version]:
        raise SystemExit(f"CITATION.cff: expected the version {version}, found {cited}")
    headings = re.findall(r"^## (.+)$", (clone / "CHANGELOG.md").read_text("utf-8"), re.M)
    if not any(heading.startswith(version) for heading in headings):
        print(f"note: CHANGELOG.md has no heading {version} yet, only {headings[0]}")
    return version


def _build(uv: Path, clone: Path, out: Path) -> tuple[Path, Path]:
    _run(uv, "build", "--quiet", "--out-dir", out, clone)
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


def _check_contents(wheel: Path, sdist: Path, version: str) -> None:
    """Check that both hold what the package needs, and the wheel nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        inside = archive.namelist()
    with tarfile.open(sdist) as archive:
        root = f"sapnet-{version}/"
        source = [name.removeprefix(root) for name in archive.getnames()]
    for names, file in ((inside, wheel), (source, sdist)):
        paths = [Path(name) for name in names]
        missing = [need for need in NEEDED if not any(_fits(path, need) for path in paths)]
        if missing:
            raise SystemExit(f"{file.name}: expected {', '.join(missing)}, found none")
    if unwanted := [name for name in inside if UNWANTED.search(name)]:
        raise SystemExit(f"{wheel.name}: expected the package alone, found {unwanted[:5]}")
    if lost := {n for n in inside if n.startswith("sapnet/")} - set(source):
        raise SystemExit(f"{sdist.name}: lacks {sorted(lost)[:5]}, which the wheel has")


def _fits(path: Path, pattern: str) -> bool:
    """Tell if a file is what a pattern names, in that folder or below it."""
    folder, _, name = pattern.rpartition("/")
    return path.is_relative_to(folder) and path.match(name) and path.suffix != ".py"


def _try(uv: Path, work: Path, name: str, wheel: Path, args: argparse.Namespace) -> str:
    """Install the wheel in a fresh environment and run the smoke test there."""
    found = subprocess.run(
        [uv, "python", "find", "--no-python-downloads", "--no-project", name],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        return f"not tried, no interpreter here; {_resolve(uv, work, name, wheel)}"
    place = work / f"python-{name}"
    _run(uv, "venv", "--quiet", "--python", found.stdout.strip(), place)
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    index = [] if args.torch_index is None else ["--extra-index-url", args.torch_index]
    _run(uv, "pip", "install", "--quiet", *index, "--python", python, f"{wheel}[{EXTRAS}]")
    smoke = work / "smoke.py"
    shutil.copy(ROOT / ".ci" / "smoke.py", smoke)  # away from the source tree
    tried = subprocess.run([python, smoke], cwd=work, check=False)
    shutil.rmtree(place)
    return "works" if tried.returncode == 0 else "fails"


def _resolve(uv: Path, work: Path, name: str, wheel: Path) -> str:
    """Say if the dependencies have releases for a version of Python that is not here."""
    asked = work / "asked.in"
    asked.write_text(f"sapnet[{EXTRAS}] @ {wheel.as_uri()}\n", encoding="utf-8", newline="\n")
    words = ["pip", "compile", "--quiet", "--python-version", name, "--only-binary", ":all:"]
    done = subprocess.run([uv, *words, asked], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"its dependencies do not resolve: {done.stderr.strip().splitlines()[-1]}"
    return f"its {done.stdout.count('==')} dependencies have wheels"


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True)


def _output(*words: object) -> str:
    return subprocess.run(
        [str(word) for word in words], check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    sys.exit(main())
