"""The pretend mail server: takes mail over SMTP, keeps it for reading, and refuses what a real one would."""
