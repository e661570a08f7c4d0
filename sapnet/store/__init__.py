"""The proposal store: candidate masks of all clicks on disk."""
