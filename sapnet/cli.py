"""The command line: find the command, parse its options, run it, report errors.

Exit status: 0 success, 1 failure, 2 wrong use, 3 something was skipped on request, 130 and 143
stopped by SIGINT (ctrl-C) and SIGTERM.
"""

from __future__ import annotations

import gc
import logging
import os
import shlex
import sys
from collections.abc import Sequence

from sapnet.commands import (
    advise,
    annotate,
    audit,
    convert,
    demo,
    doctor,
    enhance,
    evaluate,
    export,
    import_checkpoint,
    label,
    missed,
    points,
    predict,
    pretrain,
    propose,
    push,
    report,
    review,
    run,
    segment,
    synthetic,
    train,
    train_proposer,
    voc,
)
from sapnet.commands.command import (
    FAILURE,
    SUCCESS,
    WRONG_USE,
    Command,
    WrongUseError,
)
from sapnet.commands.outputs import check_output_is_no_input, guarded_outputs
from sapnet.commands.parser import build_parser, parse
from sapnet.system.processes.interrupts import follows_interrupt, interrupted_by_signals
from sapnet.system.version import __version__

COMMANDS = {
    "annotate": annotate.COMMAND,
    "run": run.COMMAND,
    "segment": segment.COMMAND,
    "points": points.COMMAND,
    "enhance": enhance.COMMAND,
    "propose": propose.COMMAND,
    "train-proposer": train_proposer.COMMAND,
    "train": train.COMMAND,
    "label": label.COMMAND,
    "review": review.COMMAND,
    "audit": audit.COMMAND,
    "missed": missed.COMMAND,
    "advise": advise.COMMAND,
    "predict": predict.COMMAND,
    "evaluate": evaluate.COMMAND,
    "export": export.COMMAND,
    "report": report.COMMAND,
    "convert": convert.COMMAND,
    "synthetic": synthetic.COMMAND,
    "voc": voc.COMMAND,
    "doctor": doctor.COMMAND,
    "import-checkpoint": import_checkpoint.COMMAND,
    "push": push.COMMAND,
    "pretrain": pretrain.COMMAND,
    "demo": demo.COMMAND,
}
"""All commands, in the order of the work. Heavy libraries are imported where they run."""

GARBAGE_THRESHOLDS = (10_000, 20, 20)
"""New objects before Python looks for garbage, and for how many such looks it leaves older ones."""

PROGRESS_SECONDS = "10"
"""Seconds between two lines of a progress bar, where no terminal shows it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: without the program's name; those of the process if None.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return SUCCESS if words else WRONG_USE
    if words[0] == "--version":
        print(f"sapnet {__version__}")
        return SUCCESS
    name, *rest = words
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(f"sapnet: no command {name!r}; expected one of {known}", file=sys.stderr)
        return WRONG_USE
    return _run(name, COMMANDS[name], rest)


def _run(name: str, command: Command, words: list[str]) -> int:
    # The heavy libraries make hundreds of thousands of objects that stay. At Python's own threshold
    # of 700, searching them for garbage again and again takes a sixth of the time of the imports.
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    # OpenMP threads that spin while they wait take the cores from the processes that load images:
    # on two cores of which one is busy, a training step then takes ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", PROGRESS_SECONDS)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # A line for every request of the hub's client would drown ours.
    for library in ("httpx", "httpx2"):  # of older and of newer versions of it
        logging.getLogger(library).setLevel(logging.WARNING)
    with interrupted_by_signals() as stop_signal:
        try:
            return _guarded(name, command, words)
        except KeyboardInterrupt:
            print(
                f"sapnet {name}: stopped by {stop_signal.name}. Kept: {command.kept}. To go on: "
                f"{shlex.join(['sapnet', name, *words])}",
                file=sys.stderr,
            )
            return stop_signal.exit_status


def _guarded(name: str, command: Command, words: list[str]) -> int:
    """Run a command; every error but an interrupt is one line."""
    try:
        parser = build_parser(name, command)
        args = parse(parser, command, words)
        check_output_is_no_input(command, args)
        with guarded_outputs(command, args, parser):
            return command.run(args, parser)
    except SystemExit as stop:  # argparse printed help or settings (0) or what was wrong (2)
        return int(stop.code or 0)
    except WrongUseError as error:
        print(f"sapnet {name}: error: {error}", file=sys.stderr)
        return WRONG_USE
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SUCCESS
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        print(f"sapnet {name}: error: {error}", file=sys.stderr)
        return FAILURE
    except MemoryError:
        print(f"sapnet {name}: error: out of memory. {_LESS_MEMORY}", file=sys.stderr)
        return FAILURE
    except Exception as error:
        if follows_interrupt(error):  # a library could not clear up after it
            raise KeyboardInterrupt from error
        print(f"sapnet {name}: error: {_describe(error)}", file=sys.stderr)
        return FAILURE


_LESS_MEMORY = "Close other programs, or take smaller batches, fewer workers or smaller images."

TRACEBACK = "sapnet-traceback.txt"
"""Name, in the system's folder for temporary files, of the traceback of an error of our own."""


def _describe(error: Exception) -> str:
    """Return one line on an error that no command foresaw."""
    text = " ".join(str(error).split())[:300]
    if "torchvision::nms" in text:
        return (
            f"torch and torchvision do not fit each other ({text}). Install both from one source, "
            "for instance `pip install --force-reinstall torch torchvision`"
        )
    if type(error).__name__ == "OutOfMemoryError":  # torch's, of a GPU
        return f"{text} {_LESS_MEMORY}"
    if type(error).__name__ == "BrokenProcessPool" or "DataLoader worker" in text:
        return (
            f"a process that worked for this one was killed, perhaps because memory ran out "
            f"({text}). {_LESS_MEMORY} Then run the same command again"
        )
    import tempfile
    import traceback
    from pathlib import Path

    place = Path(tempfile.gettempdir()) / TRACEBACK
    try:
        place.write_bytes("".join(traceback.format_exception(error)).encode())
    except OSError:
        place = Path()
    return (
        f"{type(error).__name__}: {text}. This is a fault of sapnet: please report it, with the "
        f"command and the file {place}"
    )


def _overview() -> str:
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {c.summary}" for name, c in COMMANDS.items())
    return (
        f"sapnet {__version__}: one click per object in, masks and a trained segmenter out\n\n"
        f"usage: sapnet COMMAND [options]\n\n{rows}\n\n"
        "`sapnet COMMAND --help` shows examples and the main options of a command, `--help-all`\n"
        "all options. No data at hand? `sapnet demo` makes its own."
    )


def entry_point() -> None:
    """Run the command line of the process, and exit with its status."""
    sys.exit(main())
