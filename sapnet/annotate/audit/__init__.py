"""The audit page: the server side of the page on which a sample of labels is judged."""
