"""What the keys about queries that are written down mean: a text each."""

from __future__ import annotations

from dnsd.config.recording import DnstapConfig, QuerylogConfig

TABLES: dict[type, str] = {
    QuerylogConfig: "The file that `dnsd querylog on` has a line for each query written to.",
    DnstapConfig: "Queries and responses as dnstap messages (Frame Streams), to a socket, a "
    "file, or both.",
}

KEYS: dict[type, dict[str, str]] = {
    QuerylogConfig: {
        "file": "The file. Its directory must exist, and the user of dnsd must be able to write "
        "there. README.md explains the fields of a line.",
        "format": '"text" for people, "json" for programs.',
        "size": "What the file and the one before it (`.1`) may take together.",
    },
    DnstapConfig: {
        "socket": "The unix socket that a reader of Frame Streams listens on. dnsd connects again "
        "when it is lost.",
        "file": "A file. Its directory must exist. A full file becomes "
        "`NAME.1`, and so does what a start finds; after `mv` a new one begins.",
        "size": "What the file and the one before it (`.1`) may take together.",
        "sample": "One query in so many is sent. 1: all of them.",
        "messages": '"queries" (AUTH_QUERY), "responses" (AUTH_RESPONSE) or "both".',
        "identity": "Who the messages say that they come from.",
        "version": "The version that the messages name.",
    },
}
