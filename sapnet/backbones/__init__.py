"""Backbones by name, and the places where their weights are found."""
