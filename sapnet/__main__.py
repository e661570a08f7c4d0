"""`python -m sapnet` is the `sapnet` program."""

from sapnet.cli import entry_point

entry_point()
