"""Matching of files that were made apart: images by path, categories by name, objects."""
