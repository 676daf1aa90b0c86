"""Confines itself as a worker does and tells, as JSON, what it still can: "", or the error's name.

Run by test_rights.py, with a directory that has ``served/file`` and ``secret``.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from dnsd.process import kernel
from dnsd.rights import syscalls
from dnsd.serve.confine import confine, renounce_rings

NEW_USER = 0x10000000
ATTACH = 16


def tried(what: Callable[[], object]) -> str:
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


def call(name: str, *arguments: object) -> str:
    column = 0 if os.uname().machine == "x86_64" else 1
    number = syscalls.NUMBERS[name][column]
    assert number is not None
    return tried(lambda: kernel.syscall(number, *arguments))


def in_a_thread() -> None:
    ended = threading.Event()
    threading.Thread(target=ended.set).start()
    assert ended.wait(60)


def main() -> None:
    directory = Path(sys.argv[1])
    served = directory / "served"
    ours, theirs = socket.socketpair()
    unbound = socket.socket()
    renounce_rings()
    lacking = confine([served])
    can = {
        "execute": tried(lambda: os.execv("/bin/true", ["true"])),
        "fork": tried(os.fork),
        "thread": tried(in_a_thread),
        "socket": tried(socket.socket),
        "bind": tried(lambda: unbound.bind(("127.0.0.1", 0))),
        "send": tried(lambda: ours.send(b"x") and theirs.recv(1)),
        "namespace": call("unshare", NEW_USER),
        "trace": call("ptrace", ATTACH, os.getppid(), 0, 0),
        "ring": call("io_uring_setup", 1, ctypes.create_string_buffer(120)),
        "clone3": call("clone3", None, 0),
        "read": tried((served / "file").read_bytes),
        "list": tried(lambda: list(served.iterdir())),
        "write": tried(lambda: (served / "file").write_bytes(b"")),
        "truncate": tried(lambda: os.truncate(served / "file", 0)),
        "make": tried((served / "new").mkdir),
        "remove": tried((served / "file").unlink),
        "read elsewhere": tried((directory / "secret").read_bytes),
        "read accounts": tried(Path("/etc/passwd").read_bytes),
        "signal others": tried(lambda: os.kill(os.getppid(), 0)),
        "signal itself": tried(lambda: os.kill(os.getpid(), 0)),
        "import": tried(lambda: importlib.import_module("xml.dom.minidom")),
    }
    sys.stdout.write(json.dumps({"lacking": lacking, **can}))


if __name__ == "__main__":
    main()
