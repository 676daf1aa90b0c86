"""What this node has given out, and until when caches may hold it.

shelf      images on disk, and what stands in them
keeper     the node's ledger: what is declared, retired, noted, written down
ask        questions to the ledger: reports, and this node's own verdict
commands   the same for the admin socket
"""
