"""Cells of the grid that learn nothing: they may show an object that nobody clicked."""
