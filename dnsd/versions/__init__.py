"""A zone's versions as octets: whole ones in record files, what differs between them, a journal."""
