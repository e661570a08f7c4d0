"""Boxes, masks and run lengths: pure functions."""
