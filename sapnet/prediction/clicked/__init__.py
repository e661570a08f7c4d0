"""Clicks on one image as text, and their masks as files."""
