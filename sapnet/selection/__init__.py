"""Selection of the candidate mask that shows each object."""
