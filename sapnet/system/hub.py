"""The Hugging Face hub: a quick check of what can be fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PROBE_SECONDS = 5.0
"""Time that the hub has to answer."""


def check_hub(
    repository: str,
    files: Sequence[str],
    *,
    revision: str | None = None,
    cache_dir: Path | str | None = None,
    token: str | bool | None = None,
) -> None:
    """Raise an OSError unless a repository is in the hub's cache or on the hub.

    A download that cannot succeed would retry for a minute before it gives up; this answers
    within `PROBE_SECONDS`.

    Args:
        repository: name on the hub, USER/NAME.
        files: file names; one of them in the cache is enough.
        revision: branch, tag or commit; None for the main branch.
        cache_dir: folder of the cache; None for the usual one.
        token: access token of the hub; None for the stored one.

    Raises:
        OSError: the files are not cached, and the hub is switched off, cannot be reached or has no
            such repository.
    """
    from huggingface_hub import HfApi, constants, try_to_load_from_cache

    if any(
        isinstance(try_to_load_from_cache(repository, name, cache_dir, revision), str)
        for name in files
    ):
        return
    if constants.HF_HUB_OFFLINE:
        raise OSError(f"{repository}: the hub is switched off (HF_HUB_OFFLINE)")
    try:
        HfApi().model_info(repository, revision=revision, timeout=PROBE_SECONDS, token=token)
    except Exception as error:  # the client raises exceptions of its transport, which change
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise OSError(f"{repository}: {reason}") from error
