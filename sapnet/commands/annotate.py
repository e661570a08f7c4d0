"""`sapnet annotate`: click objects in the browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import SKIPPED, SUCCESS, Command, WrongUseError
from sapnet.commands.reading import print_left_out

if TYPE_CHECKING:
    from fastapi import APIRouter
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.annotate.click.click_file import ClickFile
    from sapnet.annotate.config import AnnotateConfig
    from sapnet.annotate.workspace import Workspace


def _add_arguments(parser: ArgumentParser) -> None:
    from sapnet.annotate.config import AnnotateConfig

    parser.add_argument("images", type=Path, help="folder of the images")
    parser.add_argument(
        "--classes",
        type=str,
        default="",
        help="names, separated by commas, in the order of their keys; an existing clicks file "
        "brings its own",
    )
    parser.add_class_arguments(AnnotateConfig, None, skip={"images", "classes"})


def _run(args: Namespace, parser: ArgumentParser) -> int:
    del parser
    from sapnet.annotate.config import AnnotateConfig
    from sapnet.data.image_files.limit import allowing_pixels

    try:
        import sapnet.annotate.server  # noqa: F401  # needs what is not installed by default
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the page needs {error.name}. Install it with `pip install 'sapnet[ui]'`."
        ) from error
    values = dict(vars(args))
    values["classes"] = tuple(name.strip() for name in args.classes.split(",") if name.strip())
    try:
        cfg = AnnotateConfig(**values)
    except ValueError as error:
        raise WrongUseError(error) from error
    with allowing_pixels(cfg.max_pixels):
        return _open_page(cfg)


def _open_page(cfg: AnnotateConfig) -> int:
    """Open the page, and serve it until it is stopped."""
    from sapnet.annotate.click.routes import click_routes
    from sapnet.annotate.click.serve import open_workspace
    from sapnet.annotate.suggest.run_files import open_run
    from sapnet.annotate.suggest.serve import suggesting
    from sapnet.system.files import clear_leftovers
    from sapnet.system.lock import locked

    run = None if cfg.run is None else open_run(cfg.run)
    workspace = open_workspace(cfg, run)
    with locked(cfg.clicks_file):
        clear_leftovers(cfg.clicks_file)
        if run is None:
            return _serve(cfg, workspace, [click_routes(workspace)])
        with suggesting(cfg, workspace, run) as (desk, routes):
            return _serve(cfg, workspace, [click_routes(workspace, desk), routes])


def _serve(cfg: AnnotateConfig, workspace: Workspace[ClickFile], routers: list[APIRouter]) -> int:
    from sapnet.annotate.click.export import export_routes
    from sapnet.annotate.click.proposers import proposer_routes
    from sapnet.annotate.guard import new_token
    from sapnet.annotate.serve import is_local, listen, page_address, serve
    from sapnet.annotate.server import build_app
    from sapnet.annotate.teach.routes import teach_routes
    from sapnet.annotate.teach.serve import open_teacher

    teacher = open_teacher(cfg, workspace) if cfg.teach else None
    bound = listen(cfg.host, cfg.port)
    unreadable = len(workspace.listing.left_out)
    noted = f", {unreadable} of them unreadable" if unreadable else ""
    print(f"{len(workspace.listing)} images{noted}; clicks go to {cfg.clicks_file}")
    token = None if is_local(cfg.host) else new_token()
    address = page_address(bound, token)
    if token is not None:
        print("the address holds a secret: who has it can see the images and change the clicks")
    print(f"open {address} (ctrl-C stops; every click is saved at once)", flush=True)
    routers += [
        export_routes(workspace.file, cfg.images),
        proposer_routes(workspace, cfg.device),
    ]
    if teacher is not None:
        workspace = replace(workspace, is_taught=True)
        routers.append(teach_routes(teacher))
        teacher.start()
    try:
        serve(build_app(workspace, routers, token), bound, address, open_browser=not cfg.no_browser)
    finally:
        if teacher is not None:
            teacher.close()
    left_out = workspace.listing.left_out
    print_left_out(left_out)
    return SKIPPED if left_out else SUCCESS


COMMAND = Command(
    "click the objects of a folder of images in the browser",
    _add_arguments,
    _run,
    (
        "sapnet annotate photos --classes person,car",
        "sapnet annotate photos --classes person,car --out clicks.json --proposer sam "
        "--checkpoint facebook/sam-vit-base",
        "sapnet annotate photos --classes person,car --teach",
        "sapnet annotate photos --labels labels.json",
        "sapnet annotate photos --run run",
    ),
    main_options=(
        "images",
        "classes",
        "out",
        "labels",
        "run",
        "proposer",
        "checkpoint",
        "teach",
        "port",
        "no-browser",
    ),
    kept="every click",
)
