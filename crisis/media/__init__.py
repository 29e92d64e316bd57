"""Pictures and films: taking them in, keeping them, fitting them to each channel, drawing a card where none is given."""
