"""Who may be known by which key: short-term credentials that this node gave away (RFC 8489, section 9.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import attrs

from cloudnode.stun.attributes import Address

Protocol = Literal["udp", "tcp"]


@attrs.frozen
class Observation:
    """A request with a good integrity was answered.

    :ivar address: Where it came from, as seen here: the asker's external address and port.
    :ivar via: What it came to: the QUIC socket, the STUN port, or the TCP transport.
    """

    username: str
    protocol: Protocol
    address: Address
    via: Any


@attrs.frozen
class Credential:
    """A key, and who wants to know of its use.

    :ivar observed: Is called with each :class:`Observation`, before the answer is sent. An exception is not expected.
    """

    key: bytes = attrs.field(repr=False)
    observed: Callable[[Observation], None] = lambda observation: None


class CredentialTable:
    """The credentials that servers on all sockets of a node accept, by username.

    Whoever grants one revokes it; there are as many as links and punches, which others bound.
    """

    def __init__(self) -> None:
        self._credentials: dict[str, Credential] = {}

    def __len__(self) -> int:
        return len(self._credentials)

    def grant(self, username: str, credential: Credential) -> Callable[[], None]:
        """Accept a credential from now on.

        :param username: At most 508 bytes in UTF-8, in use by nobody.
        :returns: What revokes it; harmless when it is called again.
        """
        if username in self._credentials:
            raise ValueError(f"{username!r} is in use")
        self._credentials[username] = credential

        def revoke() -> None:
            if self._credentials.get(username) is credential:
                del self._credentials[username]

        return revoke

    def find(self, username: str) -> Credential | None:
        """The credential of a username; None if there is none."""
        return self._credentials.get(username)
