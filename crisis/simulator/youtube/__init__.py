"""A pretend YouTube: a few channels, uploads that can be resumed, and people who comment."""
