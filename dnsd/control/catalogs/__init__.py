"""Catalog zones (RFC 9432): which zones others tell us to have, and telling others of ours.

    content     what a catalog says; or that it is broken, and must not be processed
    membership  what it comes to: zones that come, go, begin again, move; what is held back
    brought     the zones that catalogs have brought, and what holds for them
    consuming   keeps them as the catalogs say
    producing   the zone file of a catalog of our own

A catalog is a zone like others: fetched, checked, given to others; but its records are answered to
nobody (see :func:`dnsd.build.versions.keep`). What it brings is a zone as if it stood in the
configuration, and comes after all that stands there.
"""
