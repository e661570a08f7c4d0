"""The sub-commands: which options each takes and which library function it calls.

One file per command. Heavy libraries are imported where a command needs them, so that the overview
stays quick.
"""

from __future__ import annotations

from sapnet.commands import (
    annotate,
    convert,
    demo,
    doctor,
    enhance,
    evaluate,
    label,
    points,
    predict,
    propose,
    report,
    review,
    synthetic,
    train,
    voc,
)

COMMANDS = {
    "annotate": annotate.COMMAND,
    "points": points.COMMAND,
    "enhance": enhance.COMMAND,
    "propose": propose.COMMAND,
    "train": train.COMMAND,
    "label": label.COMMAND,
    "review": review.COMMAND,
    "predict": predict.COMMAND,
    "evaluate": evaluate.COMMAND,
    "report": report.COMMAND,
    "convert": convert.COMMAND,
    "synthetic": synthetic.COMMAND,
    "voc": voc.COMMAND,
    "doctor": doctor.COMMAND,
    "demo": demo.COMMAND,
}
"""All commands, in the order of the work."""
