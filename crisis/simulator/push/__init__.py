"""A pretend push server (ntfy), for what is said through Apprise."""
