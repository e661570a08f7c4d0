"""Tiles: large images as windows that overlap, with their clicks, truth and labels."""
