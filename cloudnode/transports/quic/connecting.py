"""What every client over QUIC needs to connect: whose certificate it takes, where a name leads, and why it failed."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import ssl
from typing import Any

import attrs
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicErrorCode
from twisted.internet.threads import deferToThreadPool

from cloudnode.transports.quic.endpoint import ALPN, MAX_DATAGRAM_SIZE
from cloudnode.transports.quic.link import Address, Cause, Loss

_TLS_ALERTS = range(int(QuicErrorCode.CRYPTO_ERROR), int(QuicErrorCode.CRYPTO_ERROR) + 0x100)
_CERTIFICATE_ALERTS = frozenset(int(QuicErrorCode.CRYPTO_ERROR) + alert for alert in (42, 43, 44, 45, 46, 48))


class ConnectFailed(Exception):
    """No connection came about."""


class NameNotFound(ConnectFailed):
    """The host's name has no address."""


class ConnectionRefused(ConnectFailed):
    """Nobody listens there, or whoever does refused the connection or the WebSocket."""


class ConnectTimedOut(ConnectFailed):
    """There was no answer in time."""


class CertificateMismatch(ConnectFailed):
    """The other side's certificate is not the one that was asked for, or no authority vouches for it."""


@attrs.frozen
class AnyCertificate:
    """Take any certificate: encrypted, but with whom is not known."""


@attrs.frozen
class PinnedCertificate:
    """Take only the certificate with this hash.

    :ivar sha256: SHA-256 of the certificate in DER, 32 bytes.
    """

    sha256: bytes


@attrs.frozen
class VouchedCertificates:
    """Take only one of the certificates that a node's key vouches for.

    :ivar hashes: SHA-256 of each in DER.
    """

    hashes: frozenset[bytes]


@attrs.frozen
class TrustedAuthorities:
    """Take a certificate for the host's name that an authority vouches for.

    :ivar pem: The authorities' certificates; None for the usual ones (certifi).
    """

    pem: bytes | None = None


Trust = AnyCertificate | PinnedCertificate | VouchedCertificates | TrustedAuthorities


def client_configuration(host: str | None, trust: Trust) -> QuicConfiguration:
    """What aioquic is told for a connection to a host.

    :param host: None where it is not known yet: an IP address, then, which TLS does not tell the server anyway.
    """
    trusts_authorities = isinstance(trust, TrustedAuthorities)
    configuration = QuicConfiguration(
        is_client=True,
        alpn_protocols=ALPN,
        max_datagram_size=MAX_DATAGRAM_SIZE,
        server_name=host,
        verify_mode=ssl.CERT_REQUIRED if trusts_authorities else ssl.CERT_NONE,
    )
    if isinstance(trust, TrustedAuthorities):
        configuration.cadata = trust.pem
    return configuration


def check_certificate(trust: Trust, der: bytes | None) -> None:
    """See whether a certificate, whose key the other side has proven to have, is the one that was asked for.

    :raises CertificateMismatch: It is not.
    """
    if isinstance(trust, PinnedCertificate):
        actual = hashlib.sha256(der or b"").digest()
        if actual != trust.sha256:
            raise CertificateMismatch(f"the certificate's hash is {actual.hex()}, expected {trust.sha256.hex()}")
    elif isinstance(trust, VouchedCertificates) and hashlib.sha256(der or b"").digest() not in trust.hashes:
        raise CertificateMismatch("the certificate is none that the node's key vouches for")


def explain(loss: Loss) -> ConnectFailed:
    """The named error for a link that was lost before anything was carried."""
    if loss.code in _CERTIFICATE_ALERTS:
        return CertificateMismatch(loss.reason or "the certificate is not vouched for")
    if loss.cause in (Cause.HANDSHAKE_TIMED_OUT, Cause.IDLE):
        return ConnectTimedOut("there was no answer in time")
    if loss.cause is Cause.UNREACHABLE:
        return ConnectionRefused("nobody listens there")
    words = "a TLS alert" if loss.code in _TLS_ALERTS else loss.cause.value
    return ConnectionRefused(loss.reason or f"{words} (code {loss.code:#x})")


async def resolve(reactor: Any, host: str, port: int) -> list[Address]:
    """The UDP addresses of a host, in the resolver's order of preference.

    :raises NameNotFound: There are none.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return [(host, port)]
    try:
        found = await deferToThreadPool(
            reactor, reactor.getThreadPool(), socket.getaddrinfo, host, port, 0, socket.SOCK_DGRAM
        )
    except OSError as error:
        raise NameNotFound(f"{host} has no address: {error}") from error
    return list(dict.fromkeys((str(info[4][0]), port) for info in found))
