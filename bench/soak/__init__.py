"""A node through bad luck for many minutes: what it lost, and whether it grew."""
