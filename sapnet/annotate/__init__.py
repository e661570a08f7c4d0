"""The click page: a local web server and one static page for clicking objects in images."""
