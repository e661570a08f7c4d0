"""Other views of a store."""
