"""What an operator may set about how the node is reached."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, instance_of, le

ReachMode = Literal["auto", "always", "never"]
REACH_MODES: tuple[ReachMode, ...] = ("auto", "always", "never")


PortMappingMode = Literal["auto", "never"]
PORT_MAPPING_MODES: tuple[PortMappingMode, ...] = ("auto", "never")


KEEPALIVE_MOST = 240.0
"""Seconds: of a mapping that was not asked for again for a little longer others think that it is gone."""


@attrs.frozen
class ReachSettings:
    """Times in seconds.

    :ivar sockets: STUN-Client sockets at most, of both protocols together.
    :ivar keepalive: Between two keep-alives of a mapping, until the mapping's lifetime is learned.
    :ivar keepalive_longest: Between two keep-alives at most, however long a mapping lives: a router that restarts is
        noticed within two of them. :ivar linger: A socket whose peer is gone serves its open sessions so long.
    :ivar dial_back: Between two questions whether an interface or a mapping is reached from outside.
    :ivar lease: For so long the router is asked to forward ports; half of it is between two requests.
    :ivar survey: Between two surveys of the kind of NAT; a changed address brings one by itself.
    :ivar tries_second: What one peer can have tried a second to find out its own NAT, in the long run.
    """

    sockets: int = attrs.field(default=128, validator=[instance_of(int), ge(0)])
    keepalive: float = attrs.field(default=15.0, converter=float, validator=[ge(0.1), le(KEEPALIVE_MOST)])
    keepalive_longest: float = attrs.field(default=120.0, converter=float, validator=[ge(0.1), le(KEEPALIVE_MOST)])
    linger: float = attrs.field(default=3_600.0, converter=float, validator=ge(0))
    dial_back: float = attrs.field(default=600.0, converter=float, validator=ge(0.1))
    lease: int = attrs.field(default=7_200, validator=[instance_of(int), ge(1)])
    survey: float = attrs.field(default=21_600.0, converter=float, validator=ge(0.1))
    tries_second: float = attrs.field(default=0.2, converter=float, validator=ge(0))
