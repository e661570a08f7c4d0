"""Processes: their workers, ranks, and the signals that end them."""
