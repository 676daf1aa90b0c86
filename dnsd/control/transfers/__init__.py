"""Control and the process of transfers: what is told, asked, and done with what was fetched."""
