"""A network of a few parameters whose instances all pass, and its files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sapnet.network.config import ModelConfig
from sapnet.network.exporting.write import SUFFIXES, ExportConfig, Format, export
from sapnet.network.model import Network
from sapnet.structures.clicks import Category


@pytest.fixture(scope="session")
def network(tiny_model: ModelConfig) -> Network:
    torch.manual_seed(0)
    return Network(tiny_model, (Category(3, "cup"), Category(7, "Käse"))).eval()


@pytest.fixture(scope="session")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[Format, Path]:
    """The file of each format."""
    folder = tmp_path_factory.mktemp("exported")
    files: dict[Format, Path] = {}
    for kind, suffix in SUFFIXES.items():
        path = folder / f"model{suffix}"
        assert export(network, path, ExportConfig(kind)).files[0] == path
        files[kind] = path
    return files
