"""The client's side: requests that wait for their answers (RFC 8489, section 6.2).

Theory of operation. One :class:`Transactions` belongs to one socket or connection. Nothing here sends, waits or reads
a clock: :meth:`~Transactions.begin` and :meth:`~Transactions.handle_timer` return what is to be sent, and
:meth:`~Transactions.deadline` says when the timer is due next. Over UDP a request is sent at 0, 1, 3, 7, 15, 31 and 63
times the RTO, and fails 16 RTO after the last of these, 39.5 s after the first with an RTO of 500 ms; over TCP it is
sent once and fails after as long. An answer is taken if its transaction id is that of a request that waits, if it comes
from where the request went to, and, where a key was given, if its integrity is right; others are passed over as if
they had not come, since anybody can send them.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from attrs.validators import ge, gt, instance_of

from cloudnode.stun.attributes import (
    ALTERNATE_SERVER,
    ERROR_CODE,
    KNOWN_TYPES,
    UNKNOWN_ATTRIBUTES,
    USERNAME,
    Address,
    decode_address,
    decode_error,
    decode_unknown,
    mapped_address,
    pack_host,
)
from cloudnode.stun.errors import StunError, StunRefused
from cloudnode.stun.integrity import add_integrity_sha256, check_fingerprint, check_integrity
from cloudnode.stun.message import BINDING, TRANSACTION_BYTES, Attribute, Kind, Message, decode, encode


@attrs.frozen
class Timing:
    """When a request is sent again, and when it has failed (RFC 8489, section 6.2.1).

    :ivar rto: Seconds from the first to the second; each further one takes twice as long as the one before.
    :ivar rc: How often it is sent at most. :ivar rm: RTOs from the last one to the failure.
    :ivar ti: Seconds to the failure over TCP.
    """

    rto: float = attrs.field(default=0.5, converter=float, validator=gt(0))
    rc: int = attrs.field(default=7, validator=[instance_of(int), ge(1)])
    rm: float = attrs.field(default=16.0, converter=float, validator=gt(0))
    ti: float = attrs.field(default=39.5, converter=float, validator=gt(0))

    def wait(self, sent: int, reliable: bool) -> float:
        """Seconds after the n-th sending until something is to be done."""
        if reliable:
            return self.ti
        return self.rto * (self.rm if sent == self.rc else 2 ** (sent - 1))


@attrs.frozen
class Answer:
    """A success response.

    :ivar mapped: Where the server saw the request come from: this side's external address and port.
    :ivar server: Where the answer came from. :ivar message: All of it.
    :ivar seconds: From the request to the answer; None if the request was sent more than once, so that nobody can tell
        which of them was answered (Karn's algorithm).
    """

    mapped: Address
    server: Address
    message: Message
    seconds: float | None


@attrs.frozen
class Sent:
    """Bytes to be sent."""

    data: bytes
    server: Address


@attrs.frozen
class Done:
    """A transaction is over.

    :ivar outcome: The answer, or why there is none.
    """

    transaction: bytes
    outcome: Answer | StunError


def make_request(
    transaction: bytes, *, username: str | None = None, key: bytes | None = None, attributes: tuple[Attribute, ...] = ()
) -> bytes:
    """A Binding request.

    :param transaction: 12 bytes that nobody can guess.
    :param username: With ``key``, whom the server is to know the asker as: the request has MESSAGE-INTEGRITY-SHA256.
    """
    assert len(transaction) == TRANSACTION_BYTES
    if username is not None:
        attributes = (*attributes, Attribute(USERNAME, username.encode()))
    data = encode(Message(BINDING, Kind.REQUEST, transaction, attributes))
    return data if key is None else add_integrity_sha256(data, key)


def make_indication(transaction: bytes) -> bytes:
    """A Binding indication: 20 bytes, which nobody answers."""
    assert len(transaction) == TRANSACTION_BYTES
    return encode(Message(BINDING, Kind.INDICATION, transaction))


@attrs.define
class _Waiting:
    request: bytes
    server: Address
    any_source: bool
    key: bytes | None
    timing: Timing
    began: float
    due: float
    sent: int = 1
    forged: bool = False


class Transactions:
    """The requests of one socket or connection that wait for their answers."""

    def __init__(self, random: Callable[[int], bytes], *, reliable: bool = False, timing: Timing | None = None) -> None:
        """
        :param random: As ``os.urandom``. :param reliable: Whether requests go over TCP.
        :param timing: The default for requests; RFC 8489's if None.
        """
        self._random = random
        self._reliable = reliable
        self._timing = timing or Timing()
        self._waiting: dict[bytes, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(
        self,
        server: Address,
        now: float,
        *,
        username: str | None = None,
        key: bytes | None = None,
        attributes: tuple[Attribute, ...] = (),
        timing: Timing | None = None,
        any_source: bool = False,
    ) -> tuple[bytes, Sent]:
        """Begin a transaction with a Binding request.

        :param username: :param key: See :func:`make_request`.
        :param any_source: Take the answer from any address: what CHANGE-REQUEST asks for.
        :returns: The transaction's id, and what is to be sent now.
        """
        transaction = self._random(TRANSACTION_BYTES)
        request = make_request(transaction, username=username, key=key, attributes=attributes)
        timing = timing or self._timing
        due = now + timing.wait(1, self._reliable)
        self._waiting[transaction] = _Waiting(request, server, any_source, key, timing, now, due)
        return transaction, Sent(request, server)

    def cancel(self, transaction: bytes) -> None:
        """Forget a transaction; its answer is passed over. Harmless when it is over."""
        self._waiting.pop(transaction, None)

    def deadline(self) -> float | None:
        """When :meth:`handle_timer` has something to do next; None while nothing waits."""
        return min((each.due for each in self._waiting.values()), default=None)

    def handle_timer(self, now: float) -> tuple[list[Sent], list[Done]]:
        """Do what is due.

        :returns: What is to be sent again, and the transactions that failed.
        """
        again, failed = [], []
        for transaction, waiting in list(self._waiting.items()):
            if waiting.due > now:
                continue
            if self._reliable or waiting.sent == waiting.timing.rc:
                del self._waiting[transaction]
                failed.append(Done(transaction, StunError("wrong_integrity" if waiting.forged else "timed_out")))
                continue
            waiting.sent += 1
            waiting.due = now + waiting.timing.wait(waiting.sent, False)
            again.append(Sent(waiting.request, waiting.server))
        return again, failed

    def receive(self, data: bytes, source: Address, now: float) -> Done | None:
        """Take a response.

        :returns: What it ends; None if it is passed over.
        :raises StunError: It is no STUN message.
        """
        message = decode(data)
        waiting = self._waiting.get(message.transaction)
        if waiting is None or message.kind not in (Kind.SUCCESS, Kind.ERROR) or message.method != BINDING:
            return None
        if not waiting.any_source and not is_same(source, waiting.server):
            return None
        check_fingerprint(message)
        if waiting.key is not None and not check_integrity(message, waiting.key):
            waiting.forged = True
            # Over TCP nobody else can have sent it, and no other will come (section 9.1.4).
            return self._finish(message, StunError("wrong_integrity")) if self._reliable else None
        seconds = now - waiting.began if waiting.sent == 1 else None
        try:
            return self._finish(message, _read_outcome(message, source, seconds))
        except StunError as error:
            return self._finish(message, error)

    def fail(self, error: StunError) -> list[Done]:
        """End all transactions: the socket or the connection is gone."""
        failed = [Done(transaction, error) for transaction in self._waiting]
        self._waiting.clear()
        return failed

    def _finish(self, message: Message, outcome: Answer | StunError) -> Done:
        del self._waiting[message.transaction]
        return Done(message.transaction, outcome)


def is_same(one: Address, other: Address) -> bool:
    """Whether two addresses are the same, however they are spelled."""
    return one[1] == other[1] and (one[0] == other[0] or pack_host(one[0]) == pack_host(other[0]))


def _read_outcome(message: Message, source: Address, seconds: float | None) -> Answer | StunError:
    unknown = message.unknown_required(KNOWN_TYPES)
    if unknown:
        return StunError("unknown_required", ", ".join(f"0x{type:04x}" for type in unknown))
    if message.kind is Kind.ERROR:
        return _read_refusal(message)
    mapped = mapped_address(message)
    return StunError("no_address") if mapped is None else Answer(mapped, source, message, seconds)


def _read_refusal(message: Message) -> StunError:
    code, reason = decode_error(message.find(ERROR_CODE) or b"")
    unknown = message.find(UNKNOWN_ATTRIBUTES)
    alternate = message.find(ALTERNATE_SERVER)
    return StunRefused(
        code,
        reason,
        () if unknown is None else decode_unknown(unknown),
        None if alternate is None else decode_address(alternate),
    )
