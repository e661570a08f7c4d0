"""The help of every command, as a new user reads it."""

from __future__ import annotations

import re

import pytest

from sapnet.cli import COMMANDS, main
from sapnet.commands.parser import build_parser, known_spellings

Output = pytest.CaptureFixture[str]

NUM_MAIN = 10
"""Most options that `--help` shows."""

JARGON = ("<function", "<class", "Literal[", "Optional[", "Union[", "type:", "null", "SUPPRESS")


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def shown(words: list[str], output: Output) -> str:
    assert main(words) == 0
    return output.readouterr().out


def options(text: str) -> list[str]:
    """Names of the options that a help describes."""
    return re.findall(r"^  (?:--([\w.-]+)|[A-Z_]+)(?: |$)", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("which", ["--help", "--help-all"])
def test_a_help_is_plain(name: str, which: str, capsys: Output) -> None:
    text = shown([name, which], capsys)
    assert text.startswith(f"usage: sapnet {name} ")
    assert f"\n\n{COMMANDS[name].summary}\n\nexamples:\n" in text
    assert not [word for word in JARGON if word in text]
    assert not [option for option in options(text) if "_" in option]
    assert max(map(len, text.splitlines())) <= 100
    assert "==" not in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_help_has_the_options_that_matter(name: str, capsys: Output) -> None:
    text = shown([name, "--help"], capsys)
    described = options(text)
    assert 0 < len(described) <= NUM_MAIN
    parser = build_parser(name, COMMANDS[name])
    required = [action.dest for action in parser._actions if action.required]
    required_shown = re.findall(r"\(required\)", text)
    positionals = [a for a in parser._actions if a.required and not a.option_strings]
    assert len(required_shown) == len(required) - len(positionals)
    complete = options(shown([name, "--help-all"], capsys))
    assert set(described) <= set(complete)
    has_more = len(complete) > len(described)
    assert (f"`sapnet {name} --help-all` shows all {len(complete)} options." in text) == has_more


@pytest.mark.parametrize("name", COMMANDS)
def test_both_spellings_are_known(name: str) -> None:
    parser = build_parser(name, COMMANDS[name])
    for option in parser._option_string_actions:
        if option.startswith("--"):
            dashes = f"--{option[2:].replace('_', '-')}"
            underscores = f"--{option[2:].replace('-', '_')}"
            assert known_spellings(parser, [dashes, underscores]) in (
                [option, option],
                [f"{option}=true", f"{option}=true"],
            )


def test_defaults_and_choices_are_written_as_on_the_command_line(capsys: Output) -> None:
    text = " ".join(shown(["train", "--help-all"], capsys).split())
    assert "--images PATH folder of the training images (required)" in text
    assert "--supervision {clicks,top1,masks}" in text
    assert "--model.augment.short-sides LIST" in text
    assert "(default: [640, 672, 704, 736, 768, 800])" in text
    assert "--keep-empty {true,false} also train on images without objects (default: true)" in text
    assert "--model.selection.guidance.*," in text


def test_a_narrow_terminal_gets_narrow_text(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    text = shown(["points", "--help"], capsys)
    assert max(len(line) for line in text.splitlines()) <= 70


def test_the_overview_fits(capsys: Output) -> None:
    text = shown(["--help"], capsys)
    assert max(map(len, text.splitlines())) <= 100
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.summary)}$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (["--model.augment.short-sides", "128"], ["--model.augment.short_sides", "[128]"]),
        (["--model.augment.short_sides=128,160"], ["--model.augment.short_sides=[128,160]"]),
        (["--model.augment.short_sides", "[128]"], ["--model.augment.short_sides", "[128]"]),
        (["--epochs", "3"], ["--epochs", "3"]),
        (["--model.augment.short_sides", "many"], ["--model.augment.short_sides", "many"]),
    ],
)
def test_one_number_is_a_list_of_one(given: list[str], known: list[str]) -> None:
    parser = build_parser("train", COMMANDS["train"])
    assert known_spellings(parser, given) == known
