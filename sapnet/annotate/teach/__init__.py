"""Teaching between clicks: the proposer of the page learns from the masks pinned so far."""
