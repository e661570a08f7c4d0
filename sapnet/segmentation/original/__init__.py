"""Masks of a network brought to the frame of the file."""
