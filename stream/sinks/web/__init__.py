"""The web page: the live picture in a browser, and health and metrics on the same server."""
