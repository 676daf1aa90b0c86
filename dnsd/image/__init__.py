"""Images: finished answers of a zone in a file, and the memory the processes share."""
