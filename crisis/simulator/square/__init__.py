"""The town square: the page where people watch the pretend public, and the switches for faults."""
