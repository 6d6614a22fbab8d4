"""The kinds of routers, and their options."""

from __future__ import annotations

import dataclasses

NONE = 'none'
ENDPOINT_INDEPENDENT = 'endpoint-independent'
ADDRESS_DEPENDENT = 'address-dependent'
ADDRESS_AND_PORT_DEPENDENT = 'address-and-port-dependent'


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a router does to UDP and TCP, in the terms of RFC 4787 and RFC 5382."""

    mapping: str
    filtering: str
    summary: str

    @property
    def translates(self):
        """Whether the router changes addresses at all."""
        return self.mapping != NONE


KINDS = {
    'none': Kind(NONE, NONE, 'plain router, public addresses behind it'),
    'firewall': Kind(NONE, ADDRESS_AND_PORT_DEPENDENT,
                     'no NAT: endpoints sent to may send back'),
    'full-cone': Kind(ENDPOINT_INDEPENDENT, ENDPOINT_INDEPENDENT,
                      'anyone may send to a mapped port'),
    'restricted-cone': Kind(ENDPOINT_INDEPENDENT, ADDRESS_DEPENDENT,
                            'addresses sent to may send back'),
    'port-restricted': Kind(ENDPOINT_INDEPENDENT, ADDRESS_AND_PORT_DEPENDENT,
                            'endpoints sent to may send back'),
    'address-dependent': Kind(ADDRESS_DEPENDENT, ADDRESS_DEPENDENT,
                              'a new port for each remote address'),
    'symmetric': Kind(ADDRESS_AND_PORT_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT,
                      'a new port for each remote endpoint'),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """How a router behaves beyond its kind.

    port_preserving: the mapped port is the host's own, unless another host
        has it; otherwise it is a random one that always differs.
    hairpin: hosts behind the router reach each other at their mapped
        endpoints, subject to the kind's filtering.
    unsolicited_tcp: what a refused inbound connection gets, 'drop' (nothing)
        or 'rst'.
    udp_lifetime, tcp_lifetime: seconds after which a mapping, and a permission
        to send in, ends.  Only outbound packets renew it.
    block_udp: forward no UDP at all.
    port_allocation: how the other ports are chosen, 'random' or 'sequential'
        (each new mapping has the port after that of the one before).
    poison_lifetime: seconds for which an early packet does harm: a remote
        endpoint that sends to a public endpoint before it may is refused there,
        until it has been silent for so long.  0: early packets do no harm.
    ipv6: None, or 'open' or 'firewall' for a network with IPv6 beside IPv4; the
        firewall lets endpoints that were sent to send back.
    port_mapping: None, or what hosts behind the router can ask it for mappings
        by: 'upnp' (UPnP-IGD), 'pcp' (PCP and NAT-PMP) or 'all'.
    subnet: the private network, such as '192.168.1.0/24'; by default a
        10.0.N.0/24 that no other router of the lab has.
    """

    port_preserving: bool = False
    hairpin: bool = False
    unsolicited_tcp: str = 'drop'
    udp_lifetime: int = 120
    tcp_lifetime: int = 7440
    block_udp: bool = False
    port_allocation: str = 'random'
    poison_lifetime: int = 0
    ipv6: str | None = None
    port_mapping: str | None = None
    subnet: str | None = None

    def check(self, kind):
        """Raise ``ValueError`` unless these options suit a router of a kind."""
        if self.unsolicited_tcp not in ('drop', 'rst'):
            raise ValueError(f'unsolicited_tcp is drop or rst, not {self.unsolicited_tcp!r}')
        if self.port_allocation not in ('random', 'sequential'):
            raise ValueError('port_allocation is random or sequential, '
                             f'not {self.port_allocation!r}')
        if self.ipv6 not in (None, 'open', 'firewall'):
            raise ValueError(f'ipv6 is open or firewall, not {self.ipv6!r}')
        if self.port_mapping not in (None, 'upnp', 'pcp', 'all'):
            raise ValueError(f'port_mapping is upnp, pcp or all, not {self.port_mapping!r}')
        if self.port_preserving and kind.mapping in (ADDRESS_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT):
            raise ValueError('a NAT whose mapping depends on the remote endpoint preserves no port')
        if not kind.translates and (self.port_preserving or self.hairpin or self.subnet
                                    or self.port_mapping):
            raise ValueError('a router without NAT has no port_preserving, hairpin, subnet '
                             'or port_mapping')
        if self.poison_lifetime and kind.filtering in (NONE, ENDPOINT_INDEPENDENT):
            raise ValueError('no packet is early for a router that lets all in')
