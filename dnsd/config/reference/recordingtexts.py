"""What the keys about queries that are written down mean: a text each."""

from __future__ import annotations

from dnsd.config.recording import QuerylogConfig

TABLES: dict[type, str] = {
    QuerylogConfig: "The file that `dnsd querylog on` has a line for each query written to.",
}

KEYS: dict[type, dict[str, str]] = {
    QuerylogConfig: {
        "file": "The file. Its directory must exist, and the user of dnsd must be able to write "
        "there. README.md explains the fields of a line.",
        "format": '"text" for people, "json" for programs.',
        "size": "What the file and the one before it (`.1`) may take together.",
    },
}
