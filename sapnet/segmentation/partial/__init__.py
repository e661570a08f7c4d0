"""Partly clicked images: objects that are seen there, and cells that learn nothing."""
