"""What the command's exit status says, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from cloudnode.client.errors import ClientError, ConnectionFailed, Rejected, RemoteError, TimedOut
from cloudnode.formats.errors import LedgerError, LocalError


class Exit(IntEnum):
    """Exit statuses; they never change their meaning (docs/cli.md)."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NO_ANSWER = 3
    NOT_FOUND = 4
    DAMAGED = 5
    BEHIND = 6
    LYING = 7
    INTERRUPTED = 130
    PIPE_CLOSED = 141


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done",
    Exit.REFUSED: "the network's rules said no",
    Exit.USAGE: "wrong usage: an option, a parameter, a file or a key",
    Exit.NO_ANSWER: "no answer: no node can be reached, or it is starting, over its limits, or too slow",
    Exit.NOT_FOUND: "what was asked for does not exist",
    Exit.DAMAGED: "an audit found damage",
    Exit.BEHIND: "a node lacks blocks that others have",
    Exit.LYING: "a node lied: it answered or signed what is not so",
    Exit.INTERRUPTED: "interrupted",
}


class CommandError(Exception):
    """Ends a command: one line for people that says what to do, and the status.

    :ivar name: The error's name for programs. :ivar data: More for programs.
    """

    def __init__(self, message: str, status: Exit = Exit.USAGE, name: str = "usage", **data: str) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.name = name
        self.data = data


_BY_NUMBER = {
    -32700: Exit.USAGE,
    -32600: Exit.USAGE,
    -32601: Exit.USAGE,
    -32602: Exit.USAGE,
    -8: Exit.USAGE,
    -5: Exit.NOT_FOUND,
    -28: Exit.NO_ANSWER,
    -32005: Exit.NO_ANSWER,
    -26: Exit.REFUSED,
    429: Exit.NO_ANSWER,
    503: Exit.NO_ANSWER,
}

_BY_NAME = {
    "data_corrupt": Exit.DAMAGED,
    "height_not_reached": Exit.NO_ANSWER,
    "not_final_yet": Exit.NO_ANSWER,
    "not_provable": Exit.NO_ANSWER,
}
"""Errors that mean another thing here than others of their number."""


def explain(error: Exception) -> CommandError:
    """The line and the status for an error of the layers below; others are raised again: they are our own bugs."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, RemoteError):
        status = _BY_NAME.get(error.name) or _BY_NUMBER.get(error.code, Exit.REFUSED)
        told = CommandError(str(error), status, error.name or "remote_error")
        if status is Exit.NOT_FOUND:
            told.data["checked"] = checked = getattr(error, "checked", "none")
            told.message += " This is not proven." if checked == "none" else " This is proven."
        if error.name == "height_not_reached":
            told.message += " An earlier command saw it, or --min-height asks for it: name nodes that have come as far."
        return told
    if isinstance(error, Rejected):
        return CommandError(str(error), Exit.REFUSED, error.name)
    if isinstance(error, ConnectionFailed):
        return CommandError(error.message, Exit.NO_ANSWER, "connection_failed")
    if isinstance(error, TimedOut):
        return CommandError(error.message, Exit.NO_ANSWER, "timed_out")
    if isinstance(error, ClientError):
        return _explain_session(error)
    if isinstance(error, LedgerError):
        return CommandError(str(error), Exit.USAGE, error.code)
    if isinstance(error, LocalError):
        message = str(error).removeprefix("not an operation: ").rstrip(".")
        return CommandError(f"{message}.", Exit.USAGE, "usage")
    raise error


def _explain_session(error: ClientError) -> CommandError:
    """An error of a session with many nodes, whose module is only there where one was begun."""
    from cloudnode.client.cloud.errors import AnswerFalse, AnswerStale, NotEnoughNodes

    if isinstance(error, AnswerFalse):
        return CommandError(error.message, Exit.LYING, "answer_false", reason=error.name, url=error.url)
    names = {AnswerStale: "answer_stale", NotEnoughNodes: "not_enough_nodes"}
    return CommandError(error.message, Exit.NO_ANSWER, names.get(type(error), "client_error"))
