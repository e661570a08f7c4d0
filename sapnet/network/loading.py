"""Load a trained network from a run folder or from the hub."""

from __future__ import annotations

from pathlib import Path

from sapnet.network.model import SAPNet


def load_model(run: Path | str, device: str = "auto") -> SAPNet:
    """The trained network of a run folder or of a hub name, in evaluation mode.

    Args:
        run: folder written by `sapnet train` (or `save_pretrained`), or a hub name.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        FileNotFoundError: the folder holds no trained network.
        ValueError: the device is absent.
    """
    from sapnet.system.device import choose_device

    folder = Path(run)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"{folder}: no trained network here (config.json is missing); `sapnet train --out "
            f"{folder}` writes one after its first epoch"
        )
    if not folder.is_dir() and (folder.is_absolute() or str(run).count("/") != 1):
        raise FileNotFoundError(f"{folder}: no such run folder")
    try:
        model: SAPNet = SAPNet.from_pretrained(str(run))
    except OSError as error:
        if folder.is_dir():
            raise
        raise FileNotFoundError(
            f"{run}: no run folder of that name here, and no such network on the hub or in its "
            f"cache ({error})"
        ) from error
    return model.to(choose_device(device)).eval()
