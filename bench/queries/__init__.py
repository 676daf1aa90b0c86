"""Query files: drawn from a zone, written for dnsperf and dig, read again. Asks nobody."""
