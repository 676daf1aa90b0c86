"""Control and the transfer process: what is told, asked, and done with what was fetched."""
