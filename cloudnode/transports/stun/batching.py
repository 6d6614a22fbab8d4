"""A STUN server's UDP port that takes and sends many datagrams with one system call (recvmmsg(2), sendmmsg(2)).

Theory of operation. Python has no function for these two, so ctypes calls them, with tables that are laid out once: for
each of :data:`BATCH` datagrams a slot for what comes, one for the answer, one for the address, and the kernel's
headers that point to them. An answer goes to the very address bytes that the kernel wrote, so addresses need not be
parsed. A bare request to an IPv4 socket is answered in place (:mod:`cloudnode.stun.bare`); anything else is handed to
:class:`~cloudnode.transports.stun.datagrams.StunDatagrams`, as it would be one by one. The answers of a batch are sent
together, in runs between those datagrams that get none.

A socket on all addresses of the machine asks for the address that each datagram came to (ip(7), IP_PKTINFO), and the
answer goes from there: clients take no answer from an address that they did not ask.

Where the two calls are not to be had, :func:`listen_stun` opens a port of Twisted's own.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import sys
from ipaddress import ip_address
from typing import Any

from twisted.internet import udp
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from cloudnode.stun.bare import ANSWER, ANSWER_HEAD, ATTRIBUTE_HEAD, MASK, REQUEST, REQUEST_HEAD
from cloudnode.transports.reuse import bind_ipv6
from cloudnode.transports.stun.datagrams import StunDatagrams

BATCH = 64
ROUNDS = 16
"""Batches taken before the reactor gets its turn: some milliseconds at most. Its turn costs as much as the answers
to ten requests, so the socket is asked again until it is empty."""
REQUEST_SLOT = 2_048
ANSWER_SLOT = 256
NAME_SLOT = 32
CONTROL_SLOT = 64
RECEIVE_BUFFER = 4 * 1_024 * 1_024

_REQUESTS = struct.Struct(f"{REQUEST.format}{REQUEST_SLOT - REQUEST.size}x")
_SOURCES = struct.Struct(f"!Q{NAME_SLOT - 8}x")
# A socket address begins with its family, in the machine's own byte order.
_SOURCE_MASK = MASK ^ int.from_bytes(int(socket.AF_INET).to_bytes(2, sys.byteorder), "big") << 48
_PORT = struct.Struct("!2xH")

IP_PKTINFO = 8
_IPV4_CONTROL = 32  # CMSG_SPACE(sizeof(struct in_pktinfo))
_IPV6_CONTROL = 40  # CMSG_SPACE(sizeof(struct in6_pktinfo))
_IPV4_INTERFACE = 4  # where in it, in words, the interface's number stands


class _Buffer(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    """``struct mmsghdr``, its ``struct msghdr`` unfolded."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("buffers", ctypes.c_void_p),
        ("buffers_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("_padding", ctypes.c_int),  # of struct msghdr
        ("length", ctypes.c_uint32),
    ]


HEADER_BYTES = ctypes.sizeof(_Header)
_WORDS = HEADER_BYTES // 4
_LENGTH_WORD = _Header.length.offset // 4


class Tables:
    """Slots for datagrams and the kernel's headers that point to them.

    :ivar incoming: :ivar outgoing: The kernel's headers. :ivar requests: :ivar answers: :ivar names: The slots.
    """

    def __init__(self, family: int, *, with_control: bool = False) -> None:
        """:param with_control: Whether the kernel tells where datagrams came to."""
        self._is_ipv4 = family == socket.AF_INET
        self.requests = bytearray(BATCH * REQUEST_SLOT)
        self.answers = bytearray(BATCH * ANSWER_SLOT)
        self.names = bytearray(BATCH * NAME_SLOT)
        self.controls = bytearray(BATCH * CONTROL_SLOT)
        self._buffers = [(_Buffer * BATCH)() for _ in range(2)]
        self.incoming = self._make_headers(self._buffers[0], self.requests, REQUEST_SLOT)
        self.outgoing = self._make_headers(self._buffers[1], self.answers, ANSWER_SLOT)
        for header in self.outgoing:
            header.name_length = 16 if self._is_ipv4 else 28
            header.control_length = (_IPV4_CONTROL if self._is_ipv4 else _IPV6_CONTROL) if with_control else 0
        # The kernel writes lengths and flags into the headers, which are made good again for each batch.
        self._fresh = bytes(self.incoming)
        self._lengths = memoryview(self.incoming).cast("B").cast("I")
        self._sizes = memoryview(self._buffers[1]).cast("B").cast("L")
        self._requests = memoryview(self.requests)
        self._names = memoryview(self.names)
        self._control_words = memoryview(self.controls).cast("I")

    def _make_headers(self, buffers: Any, slots: bytearray, slot: int) -> Any:
        headers = (_Header * BATCH)()
        bases = [_address(each) for each in (slots, self.names, self.controls)]
        for index, (header, buffer) in enumerate(zip(headers, buffers, strict=True)):
            buffer.base, buffer.length = bases[0] + index * slot, slot
            header.name, header.name_length = bases[1] + index * NAME_SLOT, NAME_SLOT
            header.buffers, header.buffers_count = ctypes.addressof(buffer), 1
            header.control, header.control_length = bases[2] + index * CONTROL_SLOT, CONTROL_SLOT
        return headers

    def refresh(self) -> None:
        """Make the incoming headers ready for the kernel."""
        ctypes.memmove(self.incoming, self._fresh, len(self._fresh))

    def put_answer(self, index: int, data: bytes) -> None:
        """Write into a slot that is sent."""
        begin = index * ANSWER_SLOT
        self.answers[begin : begin + len(data)] = data
        self._sizes[2 * index + 1] = len(data)

    def answer_bytes(self, index: int) -> int:
        """The length of what stands in a slot that is sent."""
        return self._sizes[2 * index + 1]


class Batch(Tables):
    """What is answered to the datagrams in the tables of a server's socket."""

    def __init__(self, datagrams: StunDatagrams, family: int, *, with_control: bool = False) -> None:
        super().__init__(family, with_control=with_control)
        self._datagrams = datagrams
        self._clears_interface = with_control and self._is_ipv4

    def answer(self, count: int) -> list[tuple[int, int]]:
        """Answer the first datagrams of the table.

        :returns: The runs of answers that are to be sent, each from the first one to before the last one.
        """
        datagrams = self._datagrams
        now = datagrams.monotonic()
        take = datagrams.server.take
        is_plain = self._is_ipv4 and datagrams.place is None
        lengths, sizes, answers, put = self._lengths, self._sizes, self.answers, ANSWER.pack_into
        if self._clears_interface:
            # Which way an answer goes is for the routes to say.
            for index in range(count):
                self._control_words[index * CONTROL_SLOT // 4 + _IPV4_INTERFACE] = 0
        runs = []
        begin = bare = answered = 0
        heads = _REQUESTS.iter_unpack(self._requests[: count * REQUEST_SLOT])
        sources = _SOURCES.iter_unpack(self._names[: count * NAME_SLOT])
        for index, ((head, transaction), (source,)) in enumerate(zip(heads, sources, strict=True)):
            length = lengths[index * _WORDS + _LENGTH_WORD]
            if is_plain and head == REQUEST_HEAD and length == REQUEST.size:
                bare += 1
                if take((source & 0xFFFFFFFF).to_bytes(4, "big"), now):
                    put(answers, index * ANSWER_SLOT, ANSWER_HEAD, transaction, ATTRIBUTE_HEAD, source ^ _SOURCE_MASK)
                    sizes[2 * index + 1] = ANSWER.size
                    answered += 1
                    continue
            elif self._answer_other(index, length, now):
                continue
            if begin < index:
                runs.append((begin, index))
            begin = index + 1
        if begin < count:
            runs.append((begin, count))
        datagrams.server.count_bare(bare, answered)
        return runs

    def _answer_other(self, index: int, length: int, now: float) -> bool:
        """Answer what needs a closer look; True if the answer stands in its slot."""
        begin = index * REQUEST_SLOT
        addr = self._read_source(index)
        reply = self._datagrams.decide(bytes(self._requests[begin : begin + length]), addr, now)
        if reply is None:
            return False
        if reply.place != self._datagrams.place or reply.to != addr or len(reply.data) > ANSWER_SLOT:
            self._datagrams.send(reply)
            return False
        self.put_answer(index, reply.data)
        return True

    def _read_source(self, index: int) -> tuple[str, int]:
        begin = index * NAME_SLOT
        [port] = _PORT.unpack_from(self.names, begin)
        if self._is_ipv4:
            return socket.inet_ntop(socket.AF_INET, self._names[begin + 4 : begin + 8]), port
        return socket.inet_ntop(socket.AF_INET6, self._names[begin + 8 : begin + 24]), port


class BatchedPort(udp.Port):
    """A UDP port of Twisted's that reads and answers in batches."""

    _log = Logger()

    def __init__(
        self, port: int, datagrams: StunDatagrams, interface: str, reactor: Any, calls: Any, *, only_ipv6: bool = False
    ) -> None:
        super().__init__(port, datagrams, interface, REQUEST_SLOT, reactor)  # type: ignore[no-untyped-call]
        self._receive = calls.recvmmsg
        self._send = calls.sendmmsg
        self._only_ipv6 = only_ipv6
        self._batch: Batch

    def startListening(self) -> None:
        """Bind the socket, and begin.

        :raises twisted.internet.error.CannotListenError: The port is taken or may not be used.
        """
        super().startListening()  # type: ignore[no-untyped-call]
        handle: socket.socket = self.socket
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        is_everywhere = ip_address(handle.getsockname()[0].partition("%")[0]).is_unspecified
        if is_everywhere and handle.family == socket.AF_INET:
            handle.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        elif is_everywhere:
            handle.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self._batch = Batch(self.protocol, handle.family, with_control=is_everywhere)

    def createInternetSocket(self) -> socket.socket:
        """A socket that is not bound yet."""
        made: socket.socket = super().createInternetSocket()
        if self._only_ipv6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return made

    def doRead(self) -> None:
        """Take and answer what has come."""
        batch, descriptor = self._batch, self.socket.fileno()
        for _ in range(ROUNDS):
            batch.refresh()
            count = self._receive(descriptor, batch.incoming, BATCH, socket.MSG_DONTWAIT, None)
            if count <= 0:
                return  # nothing is there, or an ICMP message that concerns somebody else
            try:
                for begin, end in batch.answer(count):
                    self._send_run(descriptor, begin, end)
            except Exception:
                self._log.failure("datagrams could not be answered")

    def _send_run(self, descriptor: int, begin: int, end: int) -> None:
        """Send answers. Those that can't be sent are lost: clients ask again."""
        while begin < end:
            run = ctypes.byref(self._batch.outgoing, begin * HEADER_BYTES)
            sent = self._send(descriptor, run, end - begin, socket.MSG_DONTWAIT)
            if sent > 0:
                begin += sent
                continue
            is_full = ctypes.get_errno() in (errno.EAGAIN, errno.ENOBUFS)
            lost = end - begin if is_full else 1
            self.protocol.server.counters.unsent += lost
            begin += lost


def load_calls() -> Any:
    """The C library's two calls; None where it has none of them, or its structures may be others."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    library = ctypes.CDLL(None, use_errno=True)
    try:
        receive, send = library.recvmmsg, library.sendmmsg
    except AttributeError:
        return None
    receive.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
    send.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
    return library


CALLS = load_calls()


def listen_stun(
    reactor: Any, port: int, datagrams: StunDatagrams, interface: str = "", *, only_ipv6: bool = False
) -> IListeningPort:
    """Open a STUN server's UDP port.

    :param interface: An IP address; empty for all of IPv4, ``::`` for all of both families.
    :param only_ipv6: With ``::``, whether IPv4 is left to another socket.
    :raises twisted.internet.error.CannotListenError: The port is taken or may not be used.
    """
    if CALLS is None and only_ipv6:
        with bind_ipv6(socket.SOCK_DGRAM, port) as bound:
            adopted: IListeningPort = reactor.adoptDatagramPort(
                bound.fileno(), socket.AF_INET6, datagrams, REQUEST_SLOT
            )
        return adopted
    if CALLS is None:
        opened: IListeningPort = reactor.listenUDP(port, datagrams, interface, REQUEST_SLOT)
        return opened
    batched = BatchedPort(port, datagrams, interface, reactor, CALLS, only_ipv6=only_ipv6)
    batched.startListening()
    return batched


def _address(buffer: bytearray) -> int:
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))
