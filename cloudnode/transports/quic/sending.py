"""Sending datagrams, many at a system call where the kernel can (Linux, UDP_SEGMENT).

Sending is the dearest part of QUIC in user space: a system call a datagram costs more than encrypting it. What
a turn sends to one address is mostly datagrams of one size and a shorter one at the end, which is just what
Linux takes as one buffer to be cut (udp(7), UDP_SEGMENT). Where that is not possible (another system, a network
card that refuses) datagrams go one by one.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

from twisted.internet.error import InvalidAddressError
from twisted.logger import Logger

from cloudnode.transports.quic.link import Address, Datagram

UDP_SEGMENT = 103
#: The kernel's limits: segments in one call, and bytes of a UDP datagram.
MAX_SEGMENTS = 64
MAX_BYTES = 65_000
_SIZE = struct.Struct("=H")


def group_datagrams(datagrams: list[Datagram]) -> Iterator[list[Datagram]]:
    """Cut a list where the address changes, after a shorter datagram, before a longer one, and at the limits."""
    group: list[Datagram] = []
    size = total = 0
    for datagram, addr in datagrams:
        length = len(datagram)
        if group and (
            addr != group[0][1]
            or length > size
            or len(group[-1][0]) < size
            or len(group) == MAX_SEGMENTS
            or total + length > MAX_BYTES
        ):
            yield group
            group, total = [], 0
        if not group:
            size = length
        group.append((datagram, addr))
        total += length
    if group:
        yield group


class DatagramSender:
    """Sends on one UDP transport of Twisted's.

    :param transport: The transport.
    :param is_connected: Whether its socket is connected, so that no address is given.
    """

    _log = Logger()

    def __init__(self, transport: Any, is_connected: bool) -> None:
        self._transport = transport
        self._is_connected = is_connected
        handle = getattr(transport, "socket", None)
        self._socket = handle if isinstance(handle, socket.socket) and sys.platform == "linux" else None

    def send(self, datagrams: list[Datagram]) -> None:
        """Send datagrams in order. One that can't be sent just now is lost, which QUIC repairs."""
        if self._socket is None or len(datagrams) < 2:
            for datagram, addr in datagrams:
                self._send_one(datagram, addr)
            return
        for group in group_datagrams(datagrams):
            if self._socket is None or len(group) == 1 or not self._send_group(self._socket, group):
                for datagram, addr in group:
                    self._send_one(datagram, addr)

    def _send_group(self, handle: socket.socket, group: list[Datagram]) -> bool:
        first, addr = group[0]
        cut = [(socket.IPPROTO_UDP, UDP_SEGMENT, _SIZE.pack(len(first)))]
        pieces = [datagram for datagram, _ in group]
        try:
            if self._is_connected:
                handle.sendmsg(pieces, cut)
            else:
                handle.sendmsg(pieces, cut, 0, addr)
        except BlockingIOError:
            return True  # the send buffer is full; to try them one by one would lose the later ones alone
        except ConnectionRefusedError:
            self._transport.protocol.connectionRefused()
            return True
        except OSError as error:
            if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM):
                self._log.debug("datagrams to {peer} were not sent: {error}", peer=addr, error=error)
                return True
            self._log.info("UDP_SEGMENT is not used any more: {error}", error=error)
            self._socket = None
            return False
        return True

    def _send_one(self, datagram: bytes, addr: Address) -> None:
        try:
            self._transport.write(datagram, None if self._is_connected else addr)
        except (OSError, InvalidAddressError) as error:
            # Unreachable just now, or the send buffer is full; or an IPv4 socket can't send to an IPv6 address.
            self._log.debug("a datagram to {peer} was not sent: {error}", peer=addr, error=error)
