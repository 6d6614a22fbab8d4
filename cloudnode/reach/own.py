"""What this node says of itself: its own STUN data, signed anew when something of it changes, and before it expires."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cloudnode.formats.keys import SigningKey
from cloudnode.formats.stundata import (
    CERTIFICATES_MAX,
    ENDPOINTS_MAX,
    LIFETIME_MAX,
    CertificateHash,
    Endpoint,
    NatKind,
    SignedStunData,
    StunData,
    is_local,
    sign_stun_data,
)

RENEW_SECONDS = LIFETIME_MAX / 3
"""A record is issued again after so long, so that one which travels counts for a while yet."""


class OwnStunData:
    """This node's record.

    :ivar nat: The kind of NAT, as far as it is known; to be set by who finds it out.
    :ivar record: The newest one.
    """

    def __init__(
        self,
        network: bytes,
        key: SigningKey,
        certificates: Callable[[], Iterable[CertificateHash]],
        next_sequence: Callable[[float], int],
    ) -> None:
        """:param next_sequence: Given the time in unix seconds, a number greater than all before it."""
        self.nat = NatKind()
        self.record: SignedStunData | None = None
        self._network = network
        self._key = key
        self._certificates = certificates
        self._next_sequence = next_sequence
        self._sources: list[Callable[[], Iterable[Endpoint]]] = []

    def add_source(self, source: Callable[[], Iterable[Endpoint]]) -> None:
        """Tell these endpoints as well; the private ones among them are left out."""
        self._sources.append(source)

    def renew(self, now: float) -> SignedStunData | None:
        """Issue a new record if there is something new to tell, or the old one is half-way to its expiry.

        :param now: Unix seconds.
        :return: The new record.
        """
        endpoints = choose_endpoints(each for source in self._sources for each in source())
        certificates = tuple(self._certificates())[:CERTIFICATES_MAX]
        before = None if self.record is None else self.record.data
        if (
            before is not None
            and 0 <= now - before.issued < RENEW_SECONDS
            and (before.endpoints, before.nat, before.certificates) == (endpoints, self.nat, certificates)
        ):
            return None
        issued = int(now)
        self.record = sign_stun_data(
            self._key,
            StunData(
                self._network, self._key.public, self._next_sequence(now), issued, issued + LIFETIME_MAX, endpoints,
                self.nat, certificates,
            ),
        )  # fmt: skip
        return self.record


def choose_endpoints(found: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """What is told of endpoints: each address and port once, none that is private, and no more than a record takes."""
    told: dict[tuple[str, str, int], Endpoint] = {}
    for each in found:
        if not is_local(each.address):
            told.setdefault((each.protocol, each.address, each.port), each)
    return _alternate([each for each in told.values() if each.protocol == "udp"],
                      [each for each in told.values() if each.protocol == "tcp"])[:ENDPOINTS_MAX]  # fmt: skip


def _alternate(one: Sequence[Endpoint], other: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Both in turn, so that what is cut off is of both kinds."""
    longest = max(len(one), len(other))
    return tuple(each for at in range(longest) for kind in (one, other) for each in kind[at : at + 1])
