"""One ``birdcl`` on a terminal of its own: a command goes in, the reply comes out.

birdcl, not birdc: birdc, with readline, draws its prompt before the reply. A client that is late,
dies, or prints something unasked is never used again, because it is unknown which command the rest
of its output answers. Blocks, and belongs to one thread; what replies mean is :mod:`replies`.
"""

from __future__ import annotations

import os
import subprocess
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pexpect
from pexpect.fdpexpect import fdspawn

from dnsd.control.anycast.replies import plain, read_reply
from dnsd.errors import BirdError

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.control.anycast.replies import Reply

ROWS, COLUMNS = 10_000, 200
"""What a page of output holds before birdcl stops for a key."""

LONGEST_REPLY = 1 << 24
"""Characters of a reply: some ten thousand routes with all attributes."""

REAP_S = 1.0
"""How long a killed client may take to be gone."""

# The prompt stands alone on the last line. Both patterns are longer than any false start of
# theirs, so that no more than the window of the output is looked at again when some is added.
_PROMPT = r"(?:\A|\n)bird> \Z"
_MORE = r"(?:\A|\n)--More--\r\Z"
_WINDOW = 32
_WIPE = " " * 8 + "\r"
"""What birdcl prints over "--More--"."""


class BirdClient:
    """Asks BIRD at ``ctl`` with ``program``, starting it when there is none."""

    def __init__(self, program: str, ctl: Path) -> None:
        self._program = program
        self._ctl = str(ctl)
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal: fdspawn | None = None
        self._is_new = True  # it has answered nothing yet
        self._gave_up = False

    def ask(self, command: str, deadline: float) -> Reply:
        """Return the reply to ``command``, which is there by ``deadline`` (monotonic).

        BirdError if BIRD cannot be asked; whether it refuses is for the reply to say.
        Commands may be given twice: if BIRD was restarted, only its old client notices.
        """
        try:
            try:
                text = self._converse(command, deadline)
            except pexpect.EOF:
                if self._is_new:
                    raise
                self.hang_up()
                text = self._converse(command, deadline)
        except pexpect.TIMEOUT:
            self.hang_up()
            raise BirdError(
                f"BIRD at {self._ctl} did not answer '{command}' in time: is it "
                "stopped, or overloaded? If it is only slow, raise [anycast.bird] timeout"
            ) from None
        except pexpect.EOF:
            self.hang_up()
            raise BirdError(
                f"BIRD at {self._ctl} went away before it answered '{command}': "
                "see its log unless an operator has stopped or restarted it"
            ) from None
        except OSError as error:
            self.hang_up()
            raise BirdError(
                f"{self._program}, which asks BIRD at {self._ctl}, failed: {error}"
            ) from None
        except BirdError:
            self.hang_up()
            raise
        self._is_new = False
        return read_reply(self._ctl, command, text)

    def give_up(self) -> None:
        """Make an ``ask`` that is under way end at once, and start no other client.

        Any thread may do so.
        """
        self._gave_up = True
        process = self._process
        if process is not None:
            process.kill()

    def hang_up(self) -> None:
        """End the client; the next ``ask`` starts another one."""
        terminal, process = self._terminal, self._process
        self._terminal = self._process = None
        if terminal is not None:
            with suppress(OSError):
                os.close(terminal.child_fd)
        if process is not None:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(REAP_S)

    def _converse(self, command: str, deadline: float) -> str:
        terminal = self._ready(deadline)
        terminal.sendline(command)
        return _until_prompt(terminal, deadline)

    def _ready(self, deadline: float) -> fdspawn:
        """Return the terminal of a client that waits for a command."""
        if self._terminal is not None and not _is_quiet(self._terminal):
            self.hang_up()
        if self._terminal is None:
            if self._gave_up:
                raise BirdError(f"BIRD at {self._ctl} gets no more commands: dnsd is stopping")
            self._terminal = self._start()
            self._is_new = True
            self._greet(self._terminal, deadline)
        return self._terminal

    def _start(self) -> fdspawn:
        """Start a client on a new terminal.

        Not with pexpect.spawn: it forks, which in a process with threads may never return.
        """
        ours, theirs = os.openpty()
        try:
            _prepare(theirs)
            self._process = subprocess.Popen(
                [self._program, "-v", "-s", self._ctl],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
            terminal = fdspawn(
                ours, encoding="utf-8", codec_errors="replace", searchwindowsize=_WINDOW,
                use_poll=True,
            )  # fmt: skip
        except OSError as error:
            os.close(ours)
            raise BirdError(
                f"{self._program}, which asks BIRD, cannot be run ({error.strerror}): install "
                "it (it comes with BIRD), or correct [anycast.bird] client"
            ) from None
        finally:
            os.close(theirs)
        terminal.delayafterread = None
        return terminal

    def _greet(self, terminal: fdspawn, deadline: float) -> None:
        """Wait for the first prompt: BIRD is there."""
        try:
            _until_prompt(terminal, deadline)
        except pexpect.EOF:
            raise BirdError(self._unreachable(str(terminal.before))) from None

    def _unreachable(self, said: str) -> str:
        """Return the sentence for a client that has given up with the words ``said``."""
        reason = plain(said.rpartition("): ")[2]) or "its client printed nothing"
        todo = (
            "let dnsd's user write to that socket (it is the group's that BIRD runs with)"
            if reason == os.strerror(13)
            else "start it, or correct [anycast.bird] ctl"
        )
        return f"BIRD cannot be reached at {self._ctl} ({reason}): {todo}"


class _Meter:
    """Hears all that a terminal says, and ends it if there is no end."""

    def __init__(self) -> None:
        self._heard = 0

    def write(self, text: str) -> None:
        self._heard += len(text)
        if self._heard > LONGEST_REPLY:
            raise BirdError(
                f"BIRD's reply has more than {LONGEST_REPLY} characters: "
                "is that the right control socket in [anycast.bird] ctl?"
            )

    def flush(self) -> None:
        pass


def _until_prompt(terminal: fdspawn, deadline: float) -> str:
    """Return what is printed before the next prompt."""
    terminal.logfile_read = _Meter()
    pages = []
    while True:
        found = terminal.expect([_PROMPT, _MORE], timeout=max(0.0, deadline - time.monotonic()))
        pages.append(str(terminal.before).removeprefix(_WIPE))
        if found == 0:
            return "\n".join(pages)
        terminal.send(" ")


def _is_quiet(terminal: fdspawn) -> bool:
    """Return whether the client is there, and has said nothing since its prompt."""
    try:
        terminal.read_nonblocking(1, 0)
    except pexpect.TIMEOUT:
        return True
    except (pexpect.EOF, OSError):
        pass
    return False


def _prepare(terminal: int) -> None:
    """Switch off the echo, and make a page as large as ROWS."""
    attributes = termios.tcgetattr(terminal)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    termios.tcsetwinsize(terminal, (ROWS, COLUMNS))
