"""A pretend LinkedIn: the pages of a few organisations, the versioned API in front of them, and the people who comment."""
