"""The functions take what their commands take, under the same names and with the same defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from jsonargparse import ArgumentParser

import sapnet
from sapnet.annotate.audit.config import AuditConfig
from sapnet.api.label import LabelOptions
from sapnet.api.predict import PredictOptions
from sapnet.api.propose import ProposeOptions
from sapnet.api.push import PushOptions
from sapnet.api.quality.audit import AuditOptions
from sapnet.api.quality.evaluate import EvaluateOptions
from sapnet.api.quality.missed import MissedOptions
from sapnet.api.run import RunOptions
from sapnet.api.train import TrainOptions
from sapnet.api.train_proposer import TrainProposerOptions
from sapnet.cli import COMMANDS
from sapnet.labelling.config import LabelConfig, MissedConfig
from sapnet.pipeline.config import PipelineConfig
from sapnet.prediction.config import PredictionConfig
from sapnet.proposals.config import ProposeConfig
from sapnet.teaching.options import TrainProposerConfig
from sapnet.training.config import TrainConfig

GROUPS = ("model", "optimizer")
"""Groups of settings that are one option of the function."""

NOT_OPTIONS = ("help", "print_config", "help_all", "table")
"""Of the screen alone: what they print is in no function's answer."""


def _command_options(command: str) -> dict[str, Any]:
    """Options of a command by the function's names, with their defaults."""
    parser = ArgumentParser(exit_on_error=False)
    COMMANDS[command].add_arguments(parser)
    options: dict[str, Any] = {}
    for action in parser._actions:
        group, _, rest = action.dest.partition(".")
        name = group if group in GROUPS else f"{group}_{rest}" if rest else group
        if name not in NOT_OPTIONS:
            options[name] = None if group in GROUPS else action.default
    return options


def _parameters(function: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind in kinds]


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("run", RunOptions.__optional_keys__),
        ("propose", ProposeOptions.__optional_keys__),
        ("train", TrainOptions.__optional_keys__),
        ("label", LabelOptions.__optional_keys__),
        ("predict", PredictOptions.__optional_keys__),
        ("evaluate", EvaluateOptions.__optional_keys__),
        ("export", frozenset()),
        ("missed", MissedOptions.__optional_keys__),
        ("audit", AuditOptions.__optional_keys__),
        ("push", PushOptions.__optional_keys__),
    ],
)
def test_names_are_those_of_the_command(command: str, options: frozenset[str]) -> None:
    named = _parameters(getattr(sapnet, command))
    assert not options & set(named)
    expected = {"start_run" if o == "from" else o for o in _command_options(command)}  # a keyword
    assert sorted([*named, *options]) == sorted(expected)
    assert len(named) + bool(options) <= 6


def _defaults(kind: type[Any]) -> dict[str, Any]:
    return {field.name: field.default for field in fields(kind) if field.default is not MISSING}


@pytest.mark.parametrize(
    ("command", "defaults"),
    [
        ("run", _defaults(PipelineConfig)),
        ("propose", _defaults(ProposeConfig)),
        ("train", _defaults(TrainConfig)),
        ("label", _defaults(LabelConfig)),
        ("predict", _defaults(PredictionConfig)),
        ("evaluate", {"min_area": 0.0}),
        ("missed", _defaults(MissedConfig)),
        ("audit", _defaults(AuditConfig)),
    ],
)
def test_defaults_are_those_of_the_command(command: str, defaults: Mapping[str, Any]) -> None:
    given = _command_options(command)
    for name, default in defaults.items():
        value = tuple(given[name]) if isinstance(given[name], list) else given[name]
        assert value == default, name


def test_the_default_of_evaluate() -> None:
    assert inspect.signature(sapnet.evaluate).parameters["min_area"].default == 0.0


@pytest.mark.parametrize("name", [name for name in sapnet.__all__ if name != "__version__"])
def test_public_names_are_documented(name: str) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text("utf-8")
    assert inspect.getdoc(getattr(sapnet, name))
    assert f"{name}(" in page or f"{name}." in page
    assert name in dir(sapnet)


def test_train_proposer_takes_what_its_command_takes() -> None:
    command = _command_options("train-proposer")
    command["start"] = command.pop("from")  # a keyword of Python
    named = _parameters(sapnet.train_proposer)
    assert sorted([*named, *TrainProposerOptions.__optional_keys__]) == sorted(command)
    assert len(named) + 1 <= 6
    for name, value in _defaults(TrainProposerConfig).items():
        assert command[name] == value, name
    assert inspect.signature(sapnet.train_proposer).parameters["start"].default == "imagenet"
