"""Many datagrams at a system call."""

from __future__ import annotations

import errno
import socket
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import InvalidAddressError
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.quic.sending import MAX_BYTES, MAX_SEGMENTS, DatagramSender, group_datagrams

ONE, OTHER = ("192.0.2.1", 1), ("192.0.2.2", 2)


class GroupTests(SynchronousTestCase):
    """What the kernel can cut."""

    @given(st.lists(st.tuples(st.sampled_from([20, 100, 1232, 40_000]).map(bytes), st.sampled_from([ONE, OTHER]))))
    def test_groups(self, datagrams: list[tuple[bytes, tuple[str, int]]]) -> None:
        """Nothing is lost or moved; a group has one address, and one size but for a shorter last one."""
        groups = list(group_datagrams(datagrams))
        self.assertEqual([datagram for group in groups for datagram in group], datagrams)
        for group in groups:
            sizes = [len(datagram) for datagram, _ in group]
            self.assertEqual(len({addr for _, addr in group}), 1)
            self.assertEqual(set(sizes[:-1]) - {sizes[0]}, set())
            self.assertLessEqual(sizes[-1], sizes[0])
            self.assertTrue(len(group) <= MAX_SEGMENTS and sum(sizes) <= max(MAX_BYTES, sizes[0]))

    def test_one_group(self) -> None:
        """A turn's full datagrams and the rest go together."""
        datagrams = [(bytes(1232), ONE)] * 9 + [(bytes(77), ONE)]
        self.assertEqual(list(group_datagrams(datagrams)), [datagrams])


class RefusingSocket(socket.socket):
    """A socket whose kernel does not cut."""

    def sendmsg(self, *arguments: Any) -> int:
        raise OSError(errno.EIO, "no checksums here")


class UnreachableSocket(socket.socket):
    """A socket of a machine that knows no way."""

    asked = 0

    def sendmsg(self, *arguments: Any) -> int:
        self.asked += 1
        raise OSError(errno.ENETUNREACH, "Network is unreachable")


class PlainTransport:
    """Twisted's side of a UDP socket."""

    def __init__(self, handle: socket.socket | None) -> None:
        self.socket = handle
        self.written: list[tuple[bytes, Any]] = []

    def write(self, datagram: bytes, addr: Any = None) -> None:
        self.written.append((datagram, addr))
        if datagram == b"unlucky":
            raise OSError(errno.ENETUNREACH, "unreachable")
        if datagram == b"family":
            raise InvalidAddressError("2001:db8::1", "IPv4 port write() called with IPv6 address")


class SenderTests(SynchronousTestCase):
    """Sending with and without the kernel's help."""

    def test_without_socket(self) -> None:
        """Where there is no socket datagrams go one by one, and one that fails stops none."""
        transport = PlainTransport(None)
        datagrams = [(b"one", ONE), (b"unlucky", ONE), (b"family", ONE), (b"three", OTHER)]
        DatagramSender(transport, is_connected=False).send(datagrams)
        self.assertEqual(transport.written, datagrams)

    def test_kernel_refuses(self) -> None:
        """Where the kernel refuses to cut, datagrams go one by one from then on, and none is lost."""
        with RefusingSocket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
            transport = PlainTransport(handle)
            sender = DatagramSender(transport, is_connected=True)
            for _ in range(2):
                sender.send([(b"one", ONE), (b"two", ONE)])
        self.assertEqual(transport.written, [(b"one", None), (b"two", None)] * 2)

    def test_unreachable(self) -> None:
        """That there is no way to an address says nothing of what the kernel can: it is asked again."""
        with UnreachableSocket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
            transport = PlainTransport(handle)
            sender = DatagramSender(transport, is_connected=True)
            for _ in range(2):
                sender.send([(b"one", ONE), (b"two", ONE)])
        self.assertEqual((transport.written, handle.asked), ([], 2))
