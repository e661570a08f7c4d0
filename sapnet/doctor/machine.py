"""Examination of the machine: cores, memory, disk, devices, and the choices of a training."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sapnet.doctor.finding import Examination, Fact, Finding
from sapnet.system.processes.parallel import num_cores

GIB = 2**30

LEAST_FREE_DISK = 5 * GIB
"""A run of the default network writes about 1 GiB of checkpoints and logs, and a store of 10 000
objects some hundred MiB. With less free space, both together may not fit."""

LEAST_MEMORY = 4 * GIB
"""Memory that torch, one loader process and a batch of the default network need."""

LEAST_SHARED_MEMORY = GIB
"""Loader processes pass batches through shared memory; containers often have only 64 MiB."""

_SMI_SECONDS = 10
_CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")
_MEMORY_TABLE = Path("/proc/meminfo")
_SHARED_MEMORY = Path("/dev/shm")


def examine_machine(out: Path | None = None) -> Examination:
    """Examine cores, memory, disk and devices, and device, precision and start of a training.

    Args:
        out: folder that files will be written to; None is the current folder.
    """
    facts: list[Fact] = []
    findings: list[Finding] = []
    for fact, finding in (*_resources(out or Path()), *_devices(), *_start()):
        facts += [fact] if fact is not None else []
        findings += [finding] if finding is not None else []
    return Examination("machine", tuple(facts), tuple(findings))


def _resources(out: Path) -> Iterator[tuple[Fact | None, Finding | None]]:
    yield Fact("cores", f"{num_cores()} usable of {os.cpu_count()}"), None
    total, free = memory_bytes()
    if total is not None:
        spare = "" if free is None else f", {free / GIB:.1f} GiB free"
        yield (
            Fact("memory", f"{total / GIB:.1f} GiB{spare}"),
            _too_little("memory", free or total, LEAST_MEMORY, "Close other programs."),
        )
    folder = next(p for p in (out.absolute(), *out.absolute().parents) if p.is_dir())
    disk = shutil.disk_usage(folder)
    yield (
        Fact("disk", f"{disk.free / GIB:.1f} GiB free of {disk.total / GIB:.1f} GiB in {folder}"),
        _too_little("disk space", disk.free, LEAST_FREE_DISK, f"Make room in {folder}."),
    )
    if _SHARED_MEMORY.is_dir():
        shared = shutil.disk_usage(_SHARED_MEMORY)
        advice = "Start the container with --shm-size=2g or --ipc=host, or train with --workers 0."
        yield (
            Fact("shared memory", f"{shared.total / GIB:.1f} GiB"),
            _too_little("shared memory", shared.total, LEAST_SHARED_MEMORY, advice),
        )
    try:
        with tempfile.TemporaryFile():
            pass
    except OSError as error:
        message = f"expected a writable temporary folder, found: {error}. Set TMPDIR."
        yield None, Finding("error", "no temporary folder", message)


def _too_little(name: str, found: int, least: int, advice: str) -> Finding | None:
    if found >= least:
        return None
    message = f"expected at least {least / GIB:.0f} GiB, found {found / GIB:.2f} GiB. {advice}"
    return Finding("warning", f"little {name}", message)


def memory_bytes() -> tuple[int | None, int | None]:
    """Return the main memory that this process may use, and its free part; None if unknown."""
    if not _MEMORY_TABLE.is_file():  # not Linux
        if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
            return None, None
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None
    lines = _MEMORY_TABLE.read_text(encoding="ascii").splitlines()
    table = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    total, free = table["MemTotal"], table.get("MemAvailable")
    limit = _CONTROL_GROUP.read_text("ascii").strip() if _CONTROL_GROUP.is_file() else "max"
    if limit.isdigit() and int(limit) < total:
        total = int(limit)
        free = None if free is None else min(free, total)
    return total, free


def _start() -> Iterator[tuple[Fact | None, Finding | None]]:
    """Describe what trainings begin with on this machine."""
    try:
        from sapnet.backbones.imagenet import LITE0
        from sapnet.backbones.weights import find_imagenet_weights
        from sapnet.network.start import EMBEDDED
        from sapnet.training.default_recipe import CPU_RECIPE

        imagenet = find_imagenet_weights(LITE0).place
    except (ImportError, OSError, RuntimeError):  # reported by the examination of the software
        return
    yield Fact("ImageNet weights", f"of {LITE0}: {imagenet}"), None
    if EMBEDDED.is_file():
        size = EMBEDDED.stat().st_size / 1e6
        found = f"embedded segmenter, {size:.1f} MB, for the network of the recipe {CPU_RECIPE}"
        yield Fact("start of a training", found), None
        return
    message = (
        f"expected the embedded segmenter in {EMBEDDED}, found no such file: trainings with the "
        f"recipe {CPU_RECIPE} start from ImageNet weights or at random. Install the package again."
    )
    yield None, Finding("warning", "no embedded segmenter", message)


def _devices() -> Iterator[tuple[Fact | None, Finding | None]]:
    try:
        import torch

        from sapnet.system.device import choose_device, describe_device
        from sapnet.training.config import TrainConfig
        from sapnet.training.loop.precision import choose_precision
    except (ImportError, OSError, RuntimeError):  # reported by the examination of the software
        return
    yield from ((Fact("gpu driver", line), None) for line in _driver_lines())
    yield from _cuda(torch.version.cuda)
    device = choose_device("auto")
    yield Fact("device", f"{describe_device(device)} (what --device auto takes)"), None
    precision = choose_precision(TrainConfig.precision, TrainConfig.device)
    yield Fact("precision", f"{precision} (what --precision auto takes)"), None
    yield None, _check_device(str(device))


def _cuda(build: str | None) -> Iterator[tuple[Fact | None, Finding | None]]:
    import torch

    yield Fact("torch's CUDA", build or "none (a CPU build)"), None
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = f"{properties.total_memory / GIB:.1f} GiB"
        generation = f"compute capability {properties.major}.{properties.minor}"
        yield Fact(f"cuda:{index}", f"{properties.name}, {memory}, {generation}"), None
    if torch.cuda.device_count() or not _driver_lines():
        return
    reason = (
        "torch is a CPU build. Install the CUDA build of torch and torchvision."
        if build is None
        else f"torch (CUDA {build}) cannot use it. Update the driver, or install a torch built for "
        "an older CUDA; and check CUDA_VISIBLE_DEVICES."
    )
    yield None, Finding("warning", "GPU not used", f"nvidia-smi shows a GPU, but {reason}")


def _driver_lines() -> list[str]:
    """Return name and driver of each GPU, as listed by nvidia-smi; empty without that tool."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            query, capture_output=True, text=True, timeout=_SMI_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.strip().splitlines()


def _check_device(name: str) -> Finding | None:
    """Run a convolution and a compiled operator of torchvision on the device."""
    import torch
    import torchvision

    try:
        device = torch.device(name)
        image = torch.ones(1, 1, 8, 8, device=device)
        total = torch.nn.functional.conv2d(image, torch.ones(1, 1, 3, 3, device=device)).sum()
        boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0]], device=device)
        kept = torchvision.ops.nms(boxes, torch.ones(1, device=device), 0.5)
        expected, found = (9.0 * 36, 1), (float(total), len(kept))
    except RuntimeError as error:
        message = f"expected a convolution and nms to run on {name}, found: {error}. Use --device "
        message += "cpu, or install a torch built for this device."
        return Finding("error", "device fails", message)
    if found == expected:
        return None
    message = f"expected {expected} from a convolution and nms on {name}, found {found}. "
    return Finding("error", "device fails", message + "Use --device cpu.")
