"""How two nodes prove to each other who they are, on the very channel that they speak over.

Each side sends a hello with its key and a nonce, and then its signature over what both said and over the channel
binding. What is signed names the signer's part, so that a signature can't be sent back to its maker; holds a nonce of
the other side, so that it can't be replayed; and holds the binding, so that it proves nothing on another channel:
whoever sits between two nodes has a channel with each of them, with two different bindings.
"""

from __future__ import annotations

from cloudnode.formats.keys import PEER, SigningKey, verify
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import NO_NETWORK, Hello, Proof

DIALLER = b"\x01"
ACCEPTOR = b"\x02"


def challenge(role: bytes, network: bytes, binding: bytes, dialler: Hello, acceptor: Hello) -> bytes:
    """What the side with ``role`` signs, without the purpose tag: 193 bytes."""
    return b"".join((role, network, binding, dialler.node, acceptor.node, dialler.nonce, acceptor.nonce))


def agree_on_network(ours: Hello, theirs: Hello) -> bytes:
    """The network of a link: that of both sides, or of the one that knows its own.

    :raises PeerFault: ``other_network``.
    """
    if NO_NETWORK in (ours.network, theirs.network) and ours.network != theirs.network:
        return theirs.network if ours.network == NO_NETWORK else ours.network
    if ours.network != theirs.network or ours.network == NO_NETWORK:
        raise PeerFault("other_network", f"it is of network {theirs.network.hex()}, this node of {ours.network.hex()}")
    return ours.network


def agree_on_version(ours: Hello, theirs: Hello) -> int:
    """The version of the protocol that a link speaks: the greatest that both sides do.

    :raises PeerFault: ``other_version``.
    """
    common = set(ours.versions) & set(theirs.versions)
    if not common:
        raise PeerFault(
            "other_version", f"it speaks versions {theirs.versions} of the link protocol, this node {ours.versions}"
        )
    return max(common)


def check_hello(ours: Hello, theirs: Hello, expected: bytes | None) -> None:
    """See whether a link with whoever says this is wanted.

    :param expected: The key of the node that was dialled, if it is known.
    :raises PeerFault: ``other_version``, ``itself``, ``other_node`` or ``other_network``.
    """
    agree_on_version(ours, theirs)
    if theirs.node == ours.node:
        raise PeerFault("itself", "it is this node itself, or somebody who repeats what this node says")
    if theirs.nonce == ours.nonce:
        raise PeerFault("wrong_proof", "it repeats this node's nonce")
    if expected is not None and theirs.node != expected:
        raise PeerFault("other_node", f"it is node {theirs.node.hex()}, not {expected.hex()}")
    agree_on_network(ours, theirs)


def make_proof(key: SigningKey, dials: bool, binding: bytes, ours: Hello, theirs: Hello) -> Proof:
    """This side's proof."""
    network = agree_on_network(ours, theirs)
    dialler, acceptor = (ours, theirs) if dials else (theirs, ours)
    text = challenge(DIALLER if dials else ACCEPTOR, network, binding, dialler, acceptor)
    return Proof(key.sign(PEER, text))


def check_proof(proof: Proof, dials: bool, binding: bytes, ours: Hello, theirs: Hello) -> None:
    """Check the other side's proof.

    :param dials: Whether this side dialled.
    :raises PeerFault: ``wrong_proof``.
    """
    network = agree_on_network(ours, theirs)
    dialler, acceptor = (ours, theirs) if dials else (theirs, ours)
    text = challenge(ACCEPTOR if dials else DIALLER, network, binding, dialler, acceptor)
    if not verify(theirs.node, PEER, text, proof.signature):
        raise PeerFault("wrong_proof", "its signature is not over this channel by the key that it names")
