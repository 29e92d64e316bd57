"""A pretend Flickr: a few picture streams, signed calls, and people who comment."""
