"""What servers do when more is asked than they can answer."""
