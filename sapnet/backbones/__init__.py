"""Backbones by name, and their trained weights."""
