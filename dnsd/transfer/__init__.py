"""Transfers of zones, purely: given messages and the time, what they mean and what to do next."""
