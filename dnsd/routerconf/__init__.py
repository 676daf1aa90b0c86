"""Configurations of routing daemons, as text: for the node's BIRD and for the site's router."""
