"""Boxes from clicks: a network, trained on the clicks alone, estimates one box per click."""
