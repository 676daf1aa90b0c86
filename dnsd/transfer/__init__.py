"""Zone transfers, pure: what messages mean, and what to do next at a given time."""
