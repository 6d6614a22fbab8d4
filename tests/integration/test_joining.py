"""Nodes that join a network for the first time, by what an operator may write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.conftest import NodeStarter, find_free_ports, wait_until
from tests.integration.test_peers import fail, node_id, peers


def test_named_nodes_differ(start_node: NodeStarter, make_node: NodeStarter) -> None:
    """A first start that names nodes of two networks writes nothing, so that the right one alone works afterwards."""
    one, other = start_node(), start_node()
    fresh = make_node("--join", one.ws_url, "--join", other.ws_url)
    told = fail(fresh)
    networks = [node.call("getnodeinfo")["network"] for node in (one, other)]
    assert all(network in told for network in networks) and "nothing was written" in told
    fresh.arguments = ["--join", other.ws_url]
    fresh.start()
    assert fresh.call("getnodeinfo")["network"] == networks[1]


def test_joined_over_https(make_node: NodeStarter, tmp_path: Path) -> None:
    """A node whose HTTP has a certificate of an authority that the system trusts is joined by that address alone."""
    pem, [port] = make_own_authority(tmp_path), find_free_ports(1)
    served = make_node("--http", f"ssl:{port}:interface=127.0.0.1:privateKey={pem}:certKey={pem}")
    served.start()
    follower = make_node("--join", f"https://127.0.0.1:{port}")
    assert "certificate verify failed" in fail(follower)
    follower.environment["SSL_CERT_FILE"] = str(pem)
    follower.start()
    wait_until(lambda: peers(follower) == {node_id(served)}, 60, "the link")


def make_own_authority(directory: Path) -> Path:
    """A certificate for 127.0.0.1 that stands for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a domain")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = made.add_extension(addresses, critical=False).sign(key, hashes.SHA256())
    pem = directory / "domain.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return pem
