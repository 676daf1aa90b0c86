"""What goes wrong in the lab, as a sentence for whoever started it."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the text is a sentence."""
