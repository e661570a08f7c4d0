"""`sapnet review`: look at the most uncertain labels in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, instantiate

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.annotate.review.config import ReviewConfig
    from sapnet.annotate.review.desk import ReviewDesk
    from sapnet.annotate.workspace import Workspace


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.annotate.review.config import ReviewConfig

    parser.add_class_arguments(ReviewConfig, None)


def _run(args: Namespace, parser: ArgumentParser) -> int:
    from sapnet.annotate.review.config import ReviewConfig
    from sapnet.data.image_files.limit import allowing_pixels

    cfg: ReviewConfig = instantiate(parser, args, ReviewConfig)
    try:
        import sapnet.annotate.server  # noqa: F401  # needs what is not installed by default
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the page needs {error.name}. Install it with `pip install 'sapnet[ui]'`."
        ) from error
    with allowing_pixels(cfg.max_pixels):
        return _open_page(cfg)


def _open_page(cfg: ReviewConfig) -> int:
    """Open the page, and serve it until it is stopped."""
    from sapnet.annotate.review.serve import open_review
    from sapnet.system.files import clear_leftovers
    from sapnet.system.lock import locked

    workspace, desk = open_review(cfg)
    with locked(desk.path):
        clear_leftovers(desk.path)
        return _serve(cfg, workspace, desk)


def _serve(cfg: ReviewConfig, workspace: Workspace[ReviewDesk], desk: ReviewDesk) -> int:
    from sapnet.annotate.guard import new_token
    from sapnet.annotate.review.routes import review_routes
    from sapnet.annotate.serve import is_local, listen, page_address, serve
    from sapnet.annotate.server import build_app

    bound = listen(cfg.host, cfg.port)
    decided = len(desk.corrections())
    print(
        f"{len(desk.labels.labels)} labels, {decided} of them decided; decisions go to {desk.path}"
    )
    token = None if is_local(cfg.host) else new_token()
    address = page_address(bound, token)
    if token is not None:
        print(
            "the address holds a secret: whoever has it can see the images and change the decisions"
        )
    print(f"open {address} (ctrl-C stops; every decision is saved at once)", flush=True)
    app = build_app(workspace, [review_routes(desk)], token)
    serve(app, bound, address, open_browser=not cfg.no_browser)
    return SUCCESS


COMMAND = Command(
    "look at the most uncertain labels in the browser, and correct them",
    _add_arguments,
    _run,
    (
        "sapnet review --images photos --proposals store --labels labels.json",
        "sapnet review --run run --images photos --proposals store --labels labels.json "
        "--out corrections.json",
    ),
    main_options=(
        "images",
        "proposals",
        "labels",
        "out",
        "run",
        "proposer",
        "checkpoint",
        "device",
        "port",
        "no-browser",
    ),
    kept="every decision",
)
