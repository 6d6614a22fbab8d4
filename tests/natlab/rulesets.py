"""The nftables rules that make a router what it is.

An internal endpoint is a local host's address and port.  Packets pass the
chains in this order; all but forward and input exist per protocol:

    poison_check (prerouting, first)        refuses who has sent too early
    guard        (prerouting, next)         keeps dead mappings out of connection tracking
    note         (prerouting, before NAT)   remembers whom an internal endpoint sends to
    dstnat       (prerouting)               sends what is for a public port to its owner
    forward, input                          filter what comes from upstream
    srcnat       (postrouting)              applies a mapping, or draws a public port
    learn        (postrouting, after NAT)   records the port that was drawn

Connection tracking only translates, and forgets soon.  What may come in, and
which port an endpoint keeps, is decided by sets whose elements expire and
which only outbound packets renew.
"""

from __future__ import annotations

import dataclasses

from tests.natlab.kinds import (
    ADDRESS_AND_PORT_DEPENDENT,
    ADDRESS_DEPENDENT,
    ENDPOINT_INDEPENDENT,
    KINDS,
    NONE,
    Kind,
    Options,
)

_RESET = 'table {0} natlab\ndelete table {0} natlab\n'
_OFF = _RESET + '''
table {0} natlab {{
    chain off {{
        type filter hook prerouting priority raw; policy drop
    }}
}}
'''
RULESET_OFF = _OFF.format('ip') + _OFF.format('ip6') + _RESET.format('inet')

# The chains that miniupnpd fills, of the one table that it can use: the family is always inet.
MAPPER_TABLE = 'natlab'
MAPPER_FORWARD, MAPPER_NAT, MAPPER_POSTROUTING = 'mapped', 'translate', 'translate_back'

# Marks of packets within a router.
_DRAWN = 1          # has a public port that may be another endpoint's
_NOT_MAPPED = 2     # is for no mapping that a host asked for

_PCP_PORT = 5351

# Sequential ports: never those that hosts have by themselves (32768 to 60999 on Linux).
_SEQUENCE = range(20000, 24096)


# No other table can let pass what the router's own refuses.  So this one marks what miniupnpd's
# rules do not accept, and the router's own lets the rest pass.
_MAPPER_RULES = f'''table inet {MAPPER_TABLE} {{
    chain {MAPPER_FORWARD} {{ }}
    chain {MAPPER_NAT} {{ }}
    chain {MAPPER_POSTROUTING} {{ }}
    chain forward {{
        type filter hook forward priority filter - 1
        iifname "wan" jump {MAPPER_FORWARD}
        meta mark set {_NOT_MAPPED}
    }}
    chain dstnat {{
        type nat hook prerouting priority dstnat + 1
        iifname "wan" jump {MAPPER_NAT}
    }}
}}
'''


@dataclasses.dataclass(frozen=True)
class _Family:
    """What the rules for IPv4 and for IPv6 differ in."""

    table: str      # and the prefix of its header fields
    icmp: str

    @property
    def address(self):
        """The type of an address."""
        return {'ip': 'ipv4_addr', 'ip6': 'ipv6_addr'}[self.table]


_IPV4, _IPV6 = _Family('ip', 'icmp'), _Family('ip6', 'ipv6-icmp')


@dataclasses.dataclass(frozen=True)
class _RemoteKey:
    """The part of a remote endpoint on which a mapping or a permission depends.

    All are continuations of a concatenation: of its type, and of its value in
    an outbound packet, in an inbound packet, and in a tracked flow, where {0}
    is the direction of outbound packets.
    """

    type: str = ''
    outbound: str = ''
    inbound: str = ''
    tracked: str = ''


def _remote_key(dependence, family):
    """Return the key for a behaviour of RFC 4787."""
    name = family.table
    if dependence == ADDRESS_DEPENDENT:
        return _RemoteKey(f' . {family.address}', f' . {name} daddr', f' . {name} saddr',
                          f' . ct {{0}} {name} daddr')
    if dependence == ADDRESS_AND_PORT_DEPENDENT:
        return _RemoteKey(f' . {family.address} . inet_service',
                          f' . {name} daddr . th dport', f' . {name} saddr . th sport',
                          f' . ct {{0}} {name} daddr . ct {{0}} proto-dst')
    return _RemoteKey()


def ruleset(router):
    """Return the nft script that makes a router what it is."""
    kind, options = router.kind, router.options
    rules = _filtering(kind, options, _IPV4)
    if kind.translates:
        rules += _portless_rules(router)
        for protocol, lifetime in _protocols(options):
            rules += _translation_rules(router, protocol, lifetime)
    script = _table(_IPV4, rules) + _RESET.format('inet')
    if options.port_mapping:
        script += _MAPPER_RULES
    if options.ipv6:
        kind6 = KINDS['firewall' if options.ipv6 == 'firewall' else 'none']
        script += _table(_IPV6, _filtering(kind6, options, _IPV6))
    else:
        script += _RESET.format('ip6')
    return script


def _table(family, rules):
    return f'{_RESET.format(family.table)}table {family.table} natlab {{{rules}}}\n'


def _protocols(options):
    return ('udp', options.udp_lifetime), ('tcp', options.tcp_lifetime)


def _filtering(kind: Kind, options: Options, family: _Family):
    """Return all that decides what passes."""
    rules = _filter_rules(kind, options, family)
    if kind.filtering != NONE:
        for protocol, lifetime in _protocols(options):
            rules += _permission_rules(kind, protocol, lifetime, family)
            if options.poison_lifetime:
                rules += _poison_rules(protocol, options.poison_lifetime, family)
    return rules


def _filter_rules(kind, options, family):
    """Return the chains that decide what passes."""
    block_udp = 'meta l4proto udp drop' if options.block_udp else ''
    if kind.filtering == NONE:
        return f'''
    chain forward {{
        type filter hook forward priority filter
        {block_udp}
    }}
'''
    name = family.table
    refuse = ('meta l4proto tcp reject with tcp reset'
              if options.unsolicited_tcp == 'rst' else '')
    poison_forwarded = poison_own = mapped = from_inside = ''
    if options.poison_lifetime:
        poison_forwarded, poison_own = (
            '\n        '.join(f'iifname "wan" meta l4proto {protocol} update @{protocol}_poisoned '
                              f'{{ {public} . {name} saddr . th sport }}'
                              for protocol in ('udp', 'tcp'))
            for public in (f'ct original {name} daddr . ct original proto-dst',
                           f'{name} daddr . th dport'))
    if options.port_mapping:
        mapped = f'iifname "wan" meta mark != {_NOT_MAPPED} accept'
        from_inside = 'iifname { "lan", "lo" } accept'
        if options.port_mapping == 'upnp':
            # miniupnpd speaks PCP over IPv6 whatever it is told.
            from_inside = f'udp dport {_PCP_PORT} reject\n        {from_inside}'
    permission = _permission(kind, family)
    return f'''
    chain forward {{
        type filter hook forward priority filter; policy drop
        {block_udp}
        ct state invalid drop
        iifname "lan" accept
        ct state related accept
        meta l4proto {family.icmp} ct state established accept
        meta l4proto udp {permission} @udp_permitted accept
        meta l4proto tcp {permission} @tcp_permitted accept
        {mapped}
        {poison_forwarded}
        {refuse}
    }}
    chain input {{
        type filter hook input priority filter; policy drop
        meta l4proto {family.icmp} accept
        {from_inside}
        {poison_own}
        {refuse}
    }}
'''


def _poison_rules(protocol, lifetime, family):
    """Return what refuses, for so many seconds of silence, who has sent too early."""
    name = family.table
    pair = f'{name} daddr . th dport . {name} saddr . th sport'
    return f'''
    # public endpoint . remote endpoint
    set {protocol}_poisoned {{
        type {family.address} . inet_service . {family.address} . inet_service
        flags dynamic, timeout; timeout {lifetime}s; size 65535
    }}
    chain {protocol}_poison_check {{
        type filter hook prerouting priority raw - 1
        iifname "wan" meta l4proto {protocol} {pair} @{protocol}_poisoned update @{protocol}_poisoned {{ {pair} }} drop
    }}
'''


def _portless_rules(router):
    """Return the chain that translates what has no ports."""
    return f'''
    chain srcnat {{
        type nat hook postrouting priority srcnat
        oifname "wan" meta l4proto != {{ tcp, udp }} snat to {router.address}
    }}
'''


def _permission(kind, family):
    """Return what permits an inbound packet, as its receiver sees it."""
    return f'{family.table} daddr . th dport{_remote_key(kind.filtering, family).inbound}'


def _permission_rules(kind, protocol, lifetime, family):
    """Return what remembers, for so many seconds, who may send to an internal endpoint."""
    remote = _remote_key(kind.filtering, family)
    sent = f'{family.table} saddr . th sport{remote.outbound}'
    return f'''
    # internal endpoint . what the filter looks at of the remote one
    set {protocol}_permitted {{
        type {family.address} . inet_service{remote.type}
        flags dynamic, timeout; timeout {lifetime}s; size 65535
    }}
    chain {protocol}_note {{
        type filter hook prerouting priority mangle
        iifname "lan" meta l4proto {protocol} update @{protocol}_permitted {{ {sent} }}
    }}
'''


def _translation_rules(router, protocol, lifetime):
    """Return what maps internal endpoints to public ports, for so many seconds."""
    remote = _remote_key(router.kind.mapping, _IPV4)
    address = router.address
    own = f'meta l4proto {protocol}'
    received = f'iifname "wan" ip daddr {address} {own}'
    # Mappings that hosts ask for are unknown here, and die by miniupnpd's own rules.
    guard = '' if router.options.port_mapping else (
        f'{{}} th dport{remote.inbound} != @{protocol}_taken notrack')
    keep_port = translate_hairpin = filter_hairpin = ''
    if router.options.port_preserving:
        keep_port = (f'{own} th sport{remote.outbound} != @{protocol}_taken '
                     f'snat to {address} : th sport')
    if router.options.hairpin and router.kind.mapping == ENDPOINT_INDEPENDENT:
        received = f'ip daddr {address} {own}'
        translate_hairpin = (f'oifname "lan" ip saddr {router.subnet} {own} '
                             f'ct status dnat jump {protocol}_translate')
        filter_hairpin = (f'oifname "lan" {own} {_permission(router.kind, _IPV4)} '
                          f'!= @{protocol}_permitted drop')
    learn = []
    # Outbound packets are those of a flow from inside, and answers to one from outside.
    for direction, status in (('original', 'snat'), ('reply', 'dnat')):
        internal = f'ct {direction} ip saddr . ct {direction} proto-src'
        tracked = remote.tracked.format(direction)
        learn += [
            f'{own} ct direction {direction} ct status {status} update @{protocol}_{target}'
            for target in (
                f'taken {{ th sport{tracked} }}',
                f'owner {{ th sport{tracked} : {internal} }}',
                f'mapping {{ {internal}{tracked} : ip saddr . th sport }}')]
    learn = '\n        '.join(learn)
    elements = f'flags dynamic, timeout; timeout {lifetime}s; size 65535'
    return f'''
    # internal endpoint . what its mapping depends on of the remote one : public endpoint
    map {protocol}_mapping {{
        type ipv4_addr . inet_service{remote.type} : ipv4_addr . inet_service
        {elements}
    }}
    # public port . the same of the remote endpoint : internal endpoint
    map {protocol}_owner {{
        type inet_service{remote.type} : ipv4_addr . inet_service
        {elements}
    }}
    # the keys of owner, as a set to match against
    set {protocol}_taken {{
        type inet_service{remote.type}
        {elements}
    }}
    chain {protocol}_guard {{
        type filter hook prerouting priority raw
        {guard.format(received)}
    }}
    chain {protocol}_dstnat {{
        type nat hook prerouting priority dstnat
        {received} dnat ip to th dport{remote.inbound} map @{protocol}_owner
    }}
    chain {protocol}_srcnat {{
        type nat hook postrouting priority srcnat
        oifname "wan" {own} jump {protocol}_translate
        {translate_hairpin}
    }}
    chain {protocol}_translate {{
        {own} snat ip to ip saddr . th sport{remote.outbound} map @{protocol}_mapping
        {keep_port}
        # Mark a port that may be another endpoint's.
        {own} meta mark set {_DRAWN}
        {_draw(router.options, address, own)}
    }}
    chain {protocol}_learn {{
        type filter hook postrouting priority srcnat + 10
        # Another endpoint has the port: the sender's next packet draws again.
        meta mark {_DRAWN} {own} th sport{remote.outbound} @{protocol}_taken drop
        {learn}
        # A hairpin packet passed as outbound; now it is as its receiver sees it.
        {filter_hairpin}
    }}
'''


def _draw(options, address, own):
    """Return what chooses the public port of a new mapping."""
    if options.port_allocation == 'sequential':
        # A map, as a bare number would be taken in the machine's byte order.
        ports = ', '.join(f'{turn} : {port}' for turn, port in enumerate(_SEQUENCE))
        return f'{own} snat to {address} : numgen inc mod {len(_SEQUENCE)} map {{ {ports} }}'
    # Each half of the ports draws from the other.
    return f'''{own} th sport < 32768 snat to {address}:32768-65535 fully-random
        {own} snat to {address}:1024-32767 fully-random'''
