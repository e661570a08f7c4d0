import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from sapnet.doctor import machine
from sapnet.doctor.machine import GIB, examine_machine, memory_bytes


def test_facts_of_this_machine(tmp_path: Path) -> None:
    found = examine_machine(tmp_path / "not" / "there")
    facts = {fact.name: fact.value for fact in found.facts}
    assert {"cores", "memory", "disk", "device", "precision", "torch's CUDA"} <= facts.keys()
    assert str(tmp_path) in facts["disk"]
    assert [finding for finding in found.findings if finding.severity == "error"] == []


def test_little_of_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: (2 * GIB, GIB))
    usage = SimpleNamespace(total=GIB // 16, free=GIB // 32)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    kinds = {finding.kind for finding in examine_machine(tmp_path).findings}
    assert {"little memory", "little disk space"} <= kinds


def test_memory_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    table.write_text("MemTotal:  8388608 kB\nMemAvailable:  4194304 kB\n")
    limit.write_text(f"{3 * GIB}\n")
    monkeypatch.setattr(machine, "_MEMORY_TABLE", table)
    monkeypatch.setattr(machine, "_CONTROL_GROUP", limit)
    assert memory_bytes() == (3 * GIB, 3 * GIB)
    limit.write_text("max\n")
    assert memory_bytes() == (8 * GIB, 4 * GIB)


def test_a_gpu_that_torch_does_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(machine, "_driver_lines", lambda: ["NVIDIA Test, 1.0"])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    found = examine_machine()
    assert "GPU not used" in {finding.kind for finding in found.findings}
    assert ("gpu driver", "NVIDIA Test, 1.0") in {(f.name, f.value) for f in found.facts}
