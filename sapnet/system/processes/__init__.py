"""Processes of a command: interrupts, and workers that end with it."""
