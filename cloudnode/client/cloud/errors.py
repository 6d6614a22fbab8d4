"""What can go wrong between a caller and many nodes, and what to do about it: ask another, ask later, or give up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as DeferTimeoutError
from twisted.logger import Logger

from cloudnode.client.errors import AnswerMalformed, ClientError, ConnectionFailed, RemoteError, TimedOut
from cloudnode.client.retrying import is_transient
from cloudnode.formats.errors import LedgerError

_log = Logger()

BEHIND = frozenset({"height_not_reached", "height_future", "operation_future", "not_provable"})
"""What a node answers that has not come as far as others."""

BUSY = frozenset({"pool_full", "too_many_outstanding", "too_many_requests", "not_final_yet", "cancelled"})
"""What a node answers that can't do more now."""

DAMAGED = frozenset({"data_corrupt", "data_diverged", "data_repairing"})
"""What a node answers that has no data now."""

KEPT_ELSEWHERE = frozenset({"height_pruned", "block_pruned", "cursor_pruned"})
"""What a node answers that no longer keeps what others may keep."""

Remedy = Literal["later", "elsewhere", "none"]


class AnswerFalse(ClientError):
    """A node's answer is not what the validators signed; the node was left.

    :ivar name: What is wrong with it, a code of :mod:`cloudnode.formats.errors`. :ivar url: The node.
    """

    def __init__(self, name: str, url: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.url = url


class AnswerStale(ClientError):
    """A node answered for an older height than it was asked for."""


class NotEnoughNodes(ClientError):
    """Fewer nodes agree than are to agree."""


class SessionClosed(ConnectionFailed):
    """The caller closed the session while something was under way."""

    def __init__(self) -> None:
        super().__init__("The session was closed.")


def not_shown(url: str, error: RemoteError) -> ConnectionFailed:
    """A node that answers, and does not bring what its answer is checked with: no lie, and of no use."""
    return ConnectionFailed(f"{url} does not show what its answer is checked with: {error.message}")


@contextmanager
def reading(url: str) -> Iterator[None]:
    """Around what reads a node's answers: what nobody foresaw there is a malformed answer, so that another node is
    asked, and never ends what the caller does.

    :param url: The node. :raises AnswerMalformed: In place of any error that is none of a client's.
    """
    try:
        yield
    except (ClientError, LedgerError, CancelledError, DeferTimeoutError):
        raise
    except Exception as error:
        _log.warn("What {url} answered can't be read: {error!r}", url=url, error=error)
        raise AnswerMalformed(f"What {url} answered can't be read: {error!r:.200}.") from error


def remedy(error: BaseException) -> Remedy:
    """What to do about a call's failure, besides asking another node.

    :returns: ``later``: any node may answer the same call later. ``elsewhere``: only another node may. ``none``: it is
        the answer.
    """
    if isinstance(error, RemoteError):
        if error.name in KEPT_ELSEWHERE:
            return "elsewhere"
        return "later" if error.name in BEHIND | BUSY | DAMAGED or is_transient(error) else "none"
    if isinstance(error, AnswerFalse | AnswerStale | NotEnoughNodes | ConnectionFailed | TimedOut):
        return "later"
    return "none"
