"""Self-signed TLS certificates, as bytes and values: ECDSA P-256, valid for ten days.

WebTransport accepts a certificate by its hash only if its key is ECDSA P-256 and it is valid for at most
14 days (W3C WebTransport, "custom certificate requirements").
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = 86_400
LIFETIME = 10 * DAY
LONGEST_LIFETIME = 14 * DAY
BACKDATED = 3_600  # for callers whose clocks are late


@attrs.frozen
class TLSCertificate:
    """A self-made certificate and its key.

    :ivar key_pem: The private key, PKCS #8, not encrypted.
    :ivar certificate_pem: The certificate.
    :ivar certificate_der: The certificate, the bytes that are hashed.
    :ivar hash: SHA-256 of :attr:`certificate_der`, 32 bytes.
    :ivar begin: Seconds since the epoch. :ivar end: Seconds since the epoch.
    """

    key_pem: bytes = attrs.field(repr=False)
    certificate_pem: bytes = attrs.field(repr=False)
    certificate_der: bytes = attrs.field(repr=False)
    hash: bytes = attrs.field(repr=bytes.hex)
    begin: float
    end: float


def make_certificate(names: Sequence[str], now: float) -> TLSCertificate:
    """Make a key and a certificate for it.

    :param names: DNS names and IP addresses for the subjectAltName.
    :param now: Seconds since the epoch.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cloudnode")])
    begin = _moment(now - BACKDATED)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(seconds=LIFETIME))
        .add_extension(x509.SubjectAlternativeName(general_names(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _value(key, certificate)


def read_certificate(text: bytes) -> TLSCertificate:
    """Read what :attr:`TLSCertificate.key_pem` and ``certificate_pem`` hold, one after the other.

    :raises ValueError: The bytes are not a P-256 key and the certificate for it.
    """
    key = serialization.load_pem_private_key(text, password=None)
    certificate = x509.load_pem_x509_certificate(text)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key is not ECDSA P-256")
    if key.public_key() != certificate.public_key():
        raise ValueError("the key is not the certificate's")
    return _value(key, certificate)


def certificate_names(certificate_der: bytes) -> set[str]:
    """The DNS names and IP addresses in a certificate's subjectAltName, as text."""
    certificate = x509.load_der_x509_certificate(certificate_der)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def _value(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> TLSCertificate:
    der = certificate.public_bytes(serialization.Encoding.DER)
    return TLSCertificate(
        key_pem=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
        certificate_der=der,
        hash=hashlib.sha256(der).digest(),
        begin=certificate.not_valid_before_utc.timestamp(),
        end=certificate.not_valid_after_utc.timestamp(),
    )


def general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """DNS names and IP addresses as a subjectAltName holds them.

    :raises ValueError: A name is neither.
    """
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name.encode("idna").decode("ascii")))
    return found


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
