"""`sapnet review`: look at the most uncertain labels in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sapnet.commands.command import SUCCESS, Command, instantiate

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.annotate.review.config import ReviewConfig


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
    from sapnet.annotate.review.routes import review_routes
    from sapnet.annotate.review.serve import open_review
    from sapnet.annotate.serve import is_local, listen, page_address, serve
    from sapnet.annotate.server import build_app

    workspace, desk = open_review(cfg)
    bound = listen(cfg.host, cfg.port)
    decided = len(desk.corrections())
    print(
        f"{len(desk.labels.labels)} labels, {decided} of them decided; decisions go to {desk.path}"
    )
    if not is_local(cfg.host):
        print(f"anybody who reaches {cfg.host} can see the images and change the decisions")
    print(f"open {page_address(bound)} (ctrl-C stops; every decision is saved at once)", flush=True)
    serve(build_app(workspace, [review_routes(desk)]), bound, open_browser=not cfg.no_browser)
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
)
