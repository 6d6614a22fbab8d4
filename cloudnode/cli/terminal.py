"""Where a command writes: standard output and error, as text for people or as JSON for programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import IO, Any

import msgspec

from cloudnode.cli.tables import Column, format_pairs, format_table

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Terminal:
    """The two streams.

    :ivar is_json: Whether programs read the output. :ivar columns: The terminal's width; None if it is no terminal.
    """

    def __init__(self, out: IO[str], err: IO[str], environment: Mapping[str, str], is_json: bool = False) -> None:
        self.is_json = is_json
        self._out = out
        self._err = err
        wants_colour = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        self._colours_out = wants_colour and out.isatty() and not is_json
        self._colours_err = wants_colour and err.isatty()
        self.columns = _columns(environment) if out.isatty() else None

    @property
    def error_stream(self) -> IO[str]:
        """Standard error, for a progress bar."""
        return self._err

    def paint(self, text: str, *styles: str) -> str:
        """The text in the styles given (``bold``, ``dim``, ``red``, ...) if the output shows colours."""
        return _paint(text, styles) if self._colours_out else text

    def line(self, text: str = "") -> None:
        """Write a line for people; characters must be printable already."""
        self._out.write(text + "\n")

    def lines(self, lines: Sequence[str]) -> None:
        """Write lines for people."""
        for line in lines:
            self.line(line)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Write a table."""
        titles, *body = format_table(columns, rows, self.columns)
        self.line(self.paint(titles, "bold"))
        self.lines(body)

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Write names and values."""
        self.lines(format_pairs(pairs))

    def json(self, value: object) -> None:
        """Write a JSON value on one line; ``msgspec.Raw`` and bytes go out as they are."""
        text = bytes(value) if isinstance(value, bytes | msgspec.Raw) else msgspec.json.encode(value)
        self.raw(text + b"\n")

    def raw(self, text: bytes) -> None:
        """Write bytes of UTF-8 exactly."""
        buffer = getattr(self._out, "buffer", None)
        if buffer is None:
            self._out.write(text.decode())
        else:
            self._out.flush()
            buffer.write(text)

    def flush(self) -> None:
        """Let a reader have everything."""
        self._out.flush()

    def note(self, text: str) -> None:
        """A remark on standard error."""
        self._err.write(_paint(text, ("dim",)) + "\n" if self._colours_err else text + "\n")
        self._err.flush()

    def remark(self, message: str, name: str, **data: Any) -> None:
        """A remark on standard error that programs read too: with ``--json`` an object.

        :param name: What programs compare. :param data: Further members.
        """
        if self.is_json:
            self._err.write(msgspec.json.encode({"note": {"code": name, "message": message, **data}}).decode() + "\n")
            self._err.flush()
        else:
            self.note(message)

    def error(self, message: str, name: str, status: int, **data: Any) -> None:
        """The one line that a failed command ends with, on standard error; an object with ``--json``.

        :param data: Further members.
        """
        if self.is_json:
            told = {"error": {"code": name, "message": message, "status": status, **data}}
            self._err.write(msgspec.json.encode(told).decode() + "\n")
        else:
            mark = _paint("cloudnode:", ("red", "bold")) if self._colours_err else "cloudnode:"
            self._err.write(f"{mark} {message}\n")
        self._err.flush()


def _paint(text: str, styles: Sequence[str]) -> str:
    codes = ";".join(_CODES[style] for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m"


def _columns(environment: Mapping[str, str]) -> int:
    given = environment.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    return shutil.get_terminal_size((80, 24)).columns


def terminal_of_process(is_json: bool) -> Terminal:
    """This process's own streams."""
    import sys

    return Terminal(sys.stdout, sys.stderr, os.environ, is_json)
