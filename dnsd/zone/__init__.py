"""Zone files: scanned, loaded, checked; records and findings as values."""
