"""How many answers an address gets: token buckets in a table that nothing can make grow.

Theory of operation. A bucket is one number, the time at which it is full again (the virtual scheduling form of the
generic cell rate algorithm, ITU-T I.371): an answer moves it on by 1/rate, and is given if that keeps it within
burst/rate of now. An IPv4 address or an IPv6 /64 network has the bucket at its hash. Nothing is ever evicted, so
nobody gets a fresh bucket by sending as many others through the table; two addresses that share a place share its
rate. Python keys its hash of bytes anew for each process, so nobody can choose who shares with whom.
"""

from __future__ import annotations

from array import array

import attrs
from attrs.validators import ge, instance_of


@attrs.frozen
class RateLimits:
    """What one address may ask.

    :ivar requests_second: Answers a second and address in the long run. :ivar requests_burst: How many at once.
    :ivar places: Buckets, each 8 bytes; a power of two.
    """

    requests_second: float = attrs.field(default=100.0, converter=float, validator=ge(0.001))
    requests_burst: int = attrs.field(default=500, validator=[instance_of(int), ge(1)])
    places: int = 65_536


class RateLimiter:
    """The buckets of all addresses."""

    def __init__(self, limits: RateLimits) -> None:
        self._interval = 1.0 / limits.requests_second
        self._burst_seconds = limits.requests_burst * self._interval
        self._mask = limits.places - 1
        assert not limits.places & self._mask
        self._full_at = array("d", bytes(8 * limits.places))

    def take(self, packed: bytes, now: float) -> bool:
        """Take a token, if there is one.

        :param packed: The bytes of an IP address, of which an IPv6 one counts by its first eight, or other bytes
            that stand for whoever asks. :param now: Seconds of a clock that never goes back.
        """
        return self.take_at(self.find_place(packed), now)

    def find_place(self, packed: bytes) -> int:
        """Where the bucket of an address is, for :meth:`take_at`."""
        return hash(packed if len(packed) <= 4 else packed[:8]) & self._mask

    def take_at(self, place: int, now: float) -> bool:
        """Take a token of a bucket, if there is one."""
        full_at = self._full_at[place]
        full_at = (full_at if full_at > now else now) + self._interval
        if full_at - now > self._burst_seconds:
            return False
        self._full_at[place] = full_at
        return True
