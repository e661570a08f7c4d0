"""The click page: the server side of the page on which objects are clicked."""
