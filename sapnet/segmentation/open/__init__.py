"""Cells of the grid that learn nothing: what they show may be an object that nobody clicked."""
