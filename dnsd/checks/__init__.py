"""Checks of services: what is asked of a member of a pool, when, and what came of it."""
