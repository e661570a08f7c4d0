"""A page that shows the same objects under several systems."""
