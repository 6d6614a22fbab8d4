"""TLS of the sniffed port, with whichever certificate is the current one."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import CertificateOptions, TLSVersion
from zope.interface import implementer

from cloudnode.transports.certificates import CertificateKeeper
from cloudnode.transports.selfsigned import TLSCertificate


@implementer(IOpenSSLServerConnectionCreator)
class RotatingTLS:
    """Begins TLS connections as a server: TLS 1.2 or later, ALPN ``http/1.1``, whatever name is asked for.

    Each connection is shown the keeper's current certificate; a rotation needs no restart.
    """

    def __init__(self, keeper: CertificateKeeper) -> None:
        self._keeper = keeper
        self._shown: TLSCertificate | None = None
        self._context: Any = None

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """Twisted asks for the state of a new connection."""
        if self._shown is not self._keeper.current:
            self._shown = self._keeper.current
            self._context = _make_context(self._shown)
        return SSL.Connection(self._context, None)


def _make_context(certificate: TLSCertificate) -> Any:
    # pyOpenSSL takes cryptography's objects and wants its own no more; Twisted's annotations still say those.
    options: Any = CertificateOptions
    return options(
        privateKey=serialization.load_pem_private_key(certificate.key_pem, password=None),
        certificate=x509.load_der_x509_certificate(certificate.certificate_der),
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableProtocols=[b"http/1.1"],
    ).getContext()
