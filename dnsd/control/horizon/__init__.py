"""What this node has given out, and until when caches may hold it.

shelf      images on disk, and what stands in them
keeper     the node's ledger: declares, retires and notes answers, and writes it to disk
ask        questions to the ledger: reports, and this node's own verdict
commands   the admin commands for them
"""
