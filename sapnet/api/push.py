"""`sapnet.push`: a trained network on the Hugging Face hub, with a model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from sapnet.api.options import check_names


class PushOptions(TypedDict, total=False):
    """Options of `sapnet push`.

    Attributes:
        licence: of the weights, such as "apache-2.0".
        data: name and origin of the training images.
        data_licence: their licence.
        private: true if a new repository is not for everybody.
        card: write the card to this file, and upload nothing.
    """

    licence: str | None
    data: str | None
    data_licence: str | None
    private: bool
    card: Path | str | None


@dataclass(frozen=True)
class PushSummary:
    """Result of `push`.

    Attributes:
        address: of the repository; None if only the card was written.
        card: the file of the card; None if it was uploaded.
    """

    address: str | None = None
    card: Path | None = None


def push(run: Path | str, to: str, **options: Unpack[PushOptions]) -> PushSummary:
    """Put a trained network on the Hugging Face hub, as `sapnet push`.

    Args:
        run: run folder.
        to: USER/NAME on the hub; the token is that of `hf auth login`.
        options: those of `PushOptions`.

    Raises:
        FileNotFoundError: the run holds no network.
        OSError: the hub refuses, or cannot be reached.
        TypeError: an option is unknown.
        ValueError: `to` is no name of a repository, or a file of the run is damaged.
    """
    from sapnet.pipeline.publish import CardFacts, model_card
    from sapnet.pipeline.publish import push as upload
    from sapnet.system.files import write_text_atomic

    check_names("push", options, PushOptions.__optional_keys__)
    facts = CardFacts(options.get("licence"), options.get("data"), options.get("data_licence"))
    card = options.get("card")
    if card is not None:
        text = model_card(Path(run), to, facts)
        return PushSummary(card=write_text_atomic(Path(card), text))
    private = options.get("private", False)
    return PushSummary(address=upload(Path(run), to, facts, private=private))
