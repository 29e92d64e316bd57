"""Crisis on one machine with nothing else installed: its own Redis, a supervisor, the simulator and a demo to try.

Nothing in the rest of the project knows that this folder exists, except the `crisis` command.
"""
