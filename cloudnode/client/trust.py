"""Whose certificate a client takes, for TLS over TCP.

A node makes its certificate itself and nobody vouches for it: a caller knows it by its SHA-256 hash, which the node
tells in ``getnodeinfo`` (and ``cloudnode status`` shows). Without a hash, certificates must be vouched for by an
authority as on any web site, except on this very machine, where whoever could listen in could read the files as well.
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Any

import attrs
from twisted.internet.defer import TimeoutError as DeferTimeoutError
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError, TimeoutError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from cloudnode.client.address import NodeAddress
from cloudnode.client.errors import ConnectionFailed


@attrs.frozen
class Trust:
    """What a certificate must fulfil.

    :ivar sha256: The hash of the one that is taken, 32 bytes; None for any hash.
    :ivar authorities: Whether an authority must vouch for it (never together with a hash).
    :ivar vouched: The hashes of those that are taken because the node's own key vouches for them; empty for any hash.
    """

    sha256: bytes | None = None
    authorities: bool = True
    vouched: frozenset[bytes] = frozenset()

    @property
    def hashes(self) -> frozenset[bytes]:
        """The hashes of the certificates that are taken; empty for any."""
        return self.vouched if self.sha256 is None else frozenset((self.sha256,))


def choose_trust(host: str, certificate_hash: bytes | None) -> Trust:
    """The rule above: a hash if one is given, anything on this machine, authorities elsewhere."""
    if certificate_hash is not None:
        return Trust(certificate_hash, authorities=False)
    return Trust(authorities=not is_this_machine(host))


def is_this_machine(host: str) -> bool:
    """Whether a name or address means this machine and no other."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tls_creator(host: str, trust: Trust) -> Any:
    """What begins TLS connections to a host as a client."""
    from twisted.internet.ssl import optionsForClientTLS

    if trust.authorities:
        return optionsForClientTLS(host)
    return PinnedTLS(host, trust.hashes)


@implementer(IOpenSSLClientConnectionCreator)
class PinnedTLS:
    """Takes the certificates with some hashes, or any.

    :ivar refused: The hash of the certificate that was shown and not taken, in hex.
    """

    def __init__(self, host: str, hashes: frozenset[bytes]) -> None:
        """:param hashes: SHA-256 of those that are taken; empty for any."""
        self.refused: str | None = None
        self._host = host
        self._hashes = hashes

    def clientConnectionForTLS(self, protocol: Any) -> Any:
        """Twisted asks for the state of a new connection."""
        from OpenSSL import SSL

        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_verify(SSL.VERIFY_PEER, self._verify)
        connection = SSL.Connection(context, None)
        if not _is_address(self._host):
            connection.set_tlsext_host_name(self._host.encode("idna"))
        return connection

    def _verify(self, connection: Any, certificate: Any, error: int, depth: int, is_valid: int) -> bool:
        """OpenSSL asks about each certificate of the chain; only the last, the other side's own, matters here."""
        if depth != 0 or not self._hashes:
            return True
        from cryptography.hazmat.primitives.serialization import Encoding

        shown = hashlib.sha256(certificate.to_cryptography().public_bytes(Encoding.DER)).digest()
        if shown in self._hashes:
            return True
        self.refused = shown.hex()
        return False


def explain_connect_error(address: NodeAddress, creator: Any, error: Exception) -> ConnectionFailed:
    """One sentence for people about a connection that did not come about.

    :param creator: What :func:`tls_creator` gave, or None without TLS.
    """
    refused = creator.refused if isinstance(creator, PinnedTLS) else None
    if refused is not None:
        return ConnectionFailed(
            f"{address} shows the certificate {refused}, which is not the one asked for: "
            "if that is right, give it with --cert-hash."
        )
    words = str(error).strip().rstrip(".") or type(error).__name__
    if isinstance(error, ConnectError):
        words = {ConnectionRefusedError: "nobody listens there", TimeoutError: "it did not answer in time"}.get(
            type(error), words
        )
    elif isinstance(error, DNSLookupError):
        words = "its name has no address"
    elif isinstance(error, DeferTimeoutError):
        words = "it did not answer in time"
    elif "certificate verify failed" in words:
        words = (
            "no authority vouches for its certificate; give its hash, which its operator sees in "
            "'cloudnode status', with --cert-hash"
        )
    return ConnectionFailed(f"Cannot reach {address}: {words}.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
