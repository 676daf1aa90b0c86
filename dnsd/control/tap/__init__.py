"""Who listens to what workers are asked: the query log, dnstap, ``dnsd top``."""
