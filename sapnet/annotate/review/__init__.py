"""The review page: the server side of the page on which labels are corrected."""
