"""The pretend X: the part of API v2 that posts, reads and deletes, with OAuth 1.0a really checked."""
