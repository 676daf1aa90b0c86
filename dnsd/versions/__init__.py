"""A zone's versions as octets: whole ones in record files, their differences, a journal."""
