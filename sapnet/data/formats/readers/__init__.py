"""Readers of other tools' files, one per format."""
