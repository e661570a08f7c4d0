"""What a quick command must not load; loading is checked by name, time only generously."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from sapnet.cli import COMMANDS

SECONDS = 5.0
"""The promise is 1 s; a busy machine with two cores gets a margin."""

HEAVY = ("torch", "torchvision", "lightning", "transformers", "timm", "pyarrow", "matplotlib")


def _loaded(code: str) -> list[str]:
    """Heavy modules that a fresh interpreter holds after running the code."""
    program = (
        f"import contextlib, io, json, sys\n"
        f"with contextlib.redirect_stdout(io.StringIO()): exec({code!r})\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded: list[str] = json.loads(done.stdout)
    return loaded


def test_importing_is_light() -> None:
    assert _loaded("import sapnet") == []


def test_overview_is_light() -> None:
    code = "import sys; from sapnet.cli import main; main(['--help'])"
    assert _loaded(f"{code}; assert 'jsonargparse' not in sys.modules") == []


@pytest.mark.parametrize(
    "command", ["points", "run", "propose", "train", "evaluate", "report", "doctor", "demo"]
)
def test_help_of_a_command_is_light(command: str) -> None:
    assert _loaded(f"from sapnet.cli import main; main([{command!r}, '--help'])") == []


@pytest.mark.parametrize("words", [["-c", "import sapnet"], ["-m", "sapnet", "--help"]])
def test_quick_start(words: list[str]) -> None:
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(2)) < SECONDS


def test_the_model_is_there_when_asked_for() -> None:
    import sapnet
    from sapnet.prediction.sapnet import SAPNet

    assert sapnet.SAPNet is SAPNet


def test_other_names_are_an_attribute_error() -> None:
    import sapnet

    with pytest.raises(AttributeError, match="'sapnet' has no attribute 'nothing'"):
        _ = sapnet.nothing


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_its_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from sapnet.cli import main

    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out.replace(" \\\n     ", "")
    for example in COMMANDS[command].examples:
        assert f"  {example}\n" in shown
    assert "<class" not in shown
