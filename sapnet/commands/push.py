"""`sapnet push`: put a trained network on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--run", type=Path, required=True, metavar="RUN", help="run folder")
    parser.add_argument(
        "--to", type=str, required=True, metavar="NAME", help="USER/NAME on the hub"
    )
    parser.add_argument(
        "--licence", type=str | None, help="licence of the weights, such as apache-2.0"
    )
    parser.add_argument("--data", type=str | None, help="name and origin of the training images")
    parser.add_argument("--data-licence", type=str | None, help="their licence")
    parser.add_argument("--private", action="store_true", help="a new repository is private")
    parser.add_argument(
        "--card", type=Path | None, help="write the card to this file, and upload nothing"
    )


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.pipeline.publish import CardFacts, model_card, push
    from sapnet.system.files import write_text_atomic

    facts = CardFacts(args.licence, args.data, args.data_licence)
    if args.card is not None:
        print(f"card: {write_text_atomic(args.card, model_card(args.run, args.to, facts))}")
        return SUCCESS
    print(f"uploaded: {push(args.run, args.to, facts, private=args.private)}")
    print(f"next: sapnet predict --run {args.to} --images new_photos --out predictions")
    return SUCCESS


COMMAND = Command(
    "put a trained network on the Hugging Face hub, with a model card",
    _add_arguments,
    _run,
    (
        "sapnet push --run run --to me/balloons --licence apache-2.0 --data 'my photographs'",
        "sapnet push --run run --to me/balloons --card card.md",
    ),
    writes=("card",),
)
