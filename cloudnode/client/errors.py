"""What can go wrong with a call, in three classes that a caller treats differently.

:class:`RemoteError` is the node's own answer, :class:`ConnectionFailed` means that none can come, and
:class:`TimedOut` that none came in time: of the last two nobody knows whether the node acted. An operation may always
be sent again, since it takes effect once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Any failure of a call; ``message`` is one sentence for people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RemoteError(ClientError):
    """The node answered with an error.

    :ivar code: JSON-RPC's number, such as -26. :ivar name: What programs compare, such as ``rating_own``; empty if the
        answer came from something that is no cloudnode. :ivar data: Further members of ``error.data``.
    :ivar raw_context: The exact JSON text of what the answer says of itself; empty if it says nothing.
    """

    def __init__(
        self, code: int, name: str, message: str, data: Mapping[str, Any] | None = None, raw_context: bytes = b""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.data = dict(data or {})
        self.raw_context = raw_context

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.name else f"{self.message} ({self.code})"


class ConnectionFailed(ClientError):
    """The node can't be reached, or the connection to it broke."""


class TimedOut(ClientError):
    """No answer came in time."""


class AnswerMalformed(ConnectionFailed):
    """What came back is not JSON-RPC: something else listens at that address."""


class Rejected(ClientError):
    """The network ordered an operation and its rules rejected it.

    :ivar name: The executor's result, such as ``version_mismatch``.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"
