"""A pretend internet in its own process: stand-ins for X, Twilio Messages and a mail server, and a town square.

It imports nothing else of crisis, so that a mistake in an adapter cannot be repeated here by the same line of code.
Nothing in this package opens a connection except the webhooks it is told to call.
"""
