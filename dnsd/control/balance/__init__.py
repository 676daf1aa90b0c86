"""A director at work: backends are checked, slots follow, the kernel forwards, BIRD announces.

The decisions are those of :mod:`dnsd.balance` and :mod:`dnsd.announce`.
"""
