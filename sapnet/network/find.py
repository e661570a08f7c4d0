"""The search for a trained network: in a run folder, then on the hub."""

from __future__ import annotations

from pathlib import Path

from sapnet.system.hub import check_hub

CONFIG_FILE = "config.json"
"""File of a trained network that holds its settings and categories."""


WEIGHTS_FILE = "model.safetensors"
"""File of a trained network that holds its weights."""


def check_network(
    name: Path | str,
    *,
    revision: str | None = None,
    cache_dir: Path | str | None = None,
    token: str | bool | None = None,
) -> None:
    """Raise a FileNotFoundError unless a name leads to a trained network.

    Args:
        name: run folder, or USER/NAME on the hub.
        revision: branch, tag or commit on the hub; None for the main branch.
        cache_dir: folder of the hub's cache; None for the usual one.
        token: access token of the hub; None for the stored one.

    Raises:
        FileNotFoundError: the folder holds no trained network; or there is no such folder and no
            such network on the hub. The hub has a few seconds to answer.
    """
    folder = Path(name)
    if folder.is_dir():
        if (folder / CONFIG_FILE).is_file():
            return
        raise FileNotFoundError(
            f"{folder}: no trained network here ({CONFIG_FILE} is missing); `sapnet train --out "
            f"{folder}` writes one after its first epoch"
        )
    if folder.is_absolute() or str(name).count("/") != 1:
        raise FileNotFoundError(
            f"{folder}: no such run folder, and not the name of a network on the hub, which has "
            "the form USER/NAME"
        )
    try:
        check_hub(str(name), (CONFIG_FILE,), revision=revision, cache_dir=cache_dir, token=token)
    except OSError as error:
        raise FileNotFoundError(
            f"{name}: no run folder of that name here, and no such network on the hub or in its "
            f"cache ({error})"
        ) from error


def network_files(name: Path | str) -> tuple[Path, Path]:
    """Return the files of a trained network: settings and weights; fetch them from the hub.

    Args:
        name: run folder, or USER/NAME on the hub.

    Raises:
        FileNotFoundError: it leads to no trained network.
    """
    check_network(name)
    folder = Path(name)
    if folder.is_dir():
        return folder / CONFIG_FILE, folder / WEIGHTS_FILE
    from huggingface_hub import hf_hub_download

    fetched = [Path(hf_hub_download(str(name), file)) for file in (CONFIG_FILE, WEIGHTS_FILE)]
    return fetched[0], fetched[1]


def damaged_network(name: Path | str, error: Exception) -> ValueError:
    """Return the error for a trained network whose files cannot be read.

    Args:
        name: its run folder, or its name on the hub.
        error: what went wrong.
    """
    reason = " ".join(str(error).split())[:200]
    return ValueError(
        f"{name}: the trained network cannot be read, {CONFIG_FILE} or {WEIGHTS_FILE} is damaged "
        f"({type(error).__name__}: {reason}). Copy the folder again; or delete the two files and "
        "run the same `sapnet train`, which writes them after its next epoch."
    )
