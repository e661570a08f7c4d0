"""Review of labels: the server side of the page on which labels are corrected."""
