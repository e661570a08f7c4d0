"""Suggestions on the click page: instances of a trained run, to accept or delete."""
