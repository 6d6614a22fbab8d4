#!/usr/bin/env python3
"""Self-test of natlab: every promise of its README, seen from real sockets.

Prints tables of what was observed.  A cell that is not as the textbook has it
also tells what it should be, and makes the exit status 1.  Needs root.
"""

import asyncio
import contextlib
import dataclasses
import functools
import itertools
import json
import os
import random
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

from tests.natlab import delayprocess, natlab

SILENCE = 0.3           # seconds of waiting for what should not arrive
PATIENCE = 15.0         # seconds of waiting for what should arrive
PUNCH_TIME = 4.0        # seconds of TCP hole punching that should fail
TIME_LIMIT = 300        # seconds after which the whole self-test gives up
LIFETIME = 3            # seconds that a mapping lasts in the expiry checks
UNREACHED = '0.0.0.0', 0    # seems to be the endpoint of who does not reach the reflector
LATENESS = 10           # milliseconds that a median round trip may take above its delays
ETH_P_IP = 0x0800       # <linux/if_ether.h>

SHORT = {natlab.NONE: 'none', natlab.ENDPOINT_INDEPENDENT: 'EI',
         natlab.ADDRESS_DEPENDENT: 'AD', natlab.ADDRESS_AND_PORT_DEPENDENT: 'APD'}
NAT_KINDS = [name for name, kind in natlab.KINDS.items() if kind.translates]
CONE_KINDS = [name for name, kind in natlab.KINDS.items()
              if kind.mapping == natlab.ENDPOINT_INDEPENDENT]


class Report:
    """Prints tables of observations and counts those that should be different."""

    def __init__(self):
        self.checks = 0
        self.mismatches = 0

    def cell(self, expected, observed):
        """Return an observation as text, with the expectation if it differs."""
        self.checks += 1
        if observed == expected:
            return str(observed)
        self.mismatches += 1
        return f'{observed}, NOT {expected}'

    def table(self, title, header, rows):
        """Print rows of cells below a title."""
        rows = [header, *rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
        print(f'\n{title}')
        for row in rows:
            print('  ' + '  '.join(map(str.ljust, row, widths)).rstrip(), flush=True)


def patience(expected):
    """Return how long (seconds) to wait for something, given whether it should come."""
    return PATIENCE if expected else SILENCE


# Sockets

class Udp:
    """A UDP socket of a host."""

    def __init__(self, host, port=0, address=None):
        self.socket = host.socket(type=socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((address or host.address, port))
        self.port = self.socket.getsockname()[1]

    def send(self, data, endpoint):
        with contextlib.suppress(OSError):      # such as the ICMP error an earlier one met
            self.socket.sendto(data, endpoint)

    async def receive(self, timeout, wanted=lambda data, source: True):
        """Return the first wanted datagram and its source, or None and None."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    with contextlib.suppress(ConnectionError):
                        data, source = await loop.sock_recvfrom(self.socket, 2048)
                        if wanted(data, source):
                            return data, source
        return None, None


_tokens = (b'token %d' % n for n in itertools.count())


async def passes(sender, receiver, endpoint, timeout):
    """Return from where a receiver gets what a sender sends to its endpoint, or None."""
    token = next(_tokens)
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        sender.send(token, endpoint)
        _, source = await receiver.receive(min(left, 0.1), lambda data, _: data == token)
        if source:
            return source
    return None


class Udp6(Udp):
    """The same with IPv6."""

    def __init__(self, host, port=0, address=None):
        self.socket = host.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((address or host.address6, port))
        self.port = self.socket.getsockname()[1]


def tcp_socket6(host):
    """Return a TCP socket of a host with IPv6."""
    opened = host.socket(socket.AF_INET6)
    opened.setblocking(False)
    return opened


def tcp_socket(host, port=0, address=None):
    """Return a TCP socket of a host, bound so that others can share its port."""
    opened = host.socket()
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind((address or host.address, port))
    return opened


async def connect(opened, endpoint, timeout):
    """Connect a socket; return 'open', 'rst' (refused), 'drop' (no answer) or 'error'."""
    try:
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().sock_connect(opened, endpoint)
        return 'open'
    except ConnectionRefusedError:
        return 'rst'
    except TimeoutError:
        return 'drop'
    except OSError:
        return 'error'


class Reflector:
    """A public host that tells everyone at which endpoint it sees them.

    It does so by UDP and TCP at 2 addresses x 2 ports.  TCP ports from
    ``SILENT_PORT`` on do not answer, but it notes from where they are asked.
    """

    PORTS = 3478, 3479
    SILENT_PORT = 20000

    def __init__(self, lab):
        self.host = lab.public_host('reflector', addresses=2)
        self.endpoints = list(itertools.product(self.host.addresses, self.PORTS))
        self.udp = {(address, port): Udp(self.host, port, address)
                    for address, port in self.endpoints}
        self._tasks = []
        self._silent_ports = itertools.count(self.SILENT_PORT)
        self._requests = {}
        self._sniffer = self.host.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                         socket.htons(ETH_P_IP))
        self._sniffer.setblocking(False)
        self.host.nft(f'''
            table ip silence {{
                chain input {{
                    type filter hook input priority filter
                    tcp dport >= {self.SILENT_PORT} tcp flags & (syn | ack) == syn drop
                }}
            }}
        ''')

    async def start(self):
        loop = asyncio.get_running_loop()
        for address, port in self.endpoints:
            listener = tcp_socket(self.host, port, address)
            listener.listen()
            self._tasks.append(asyncio.create_task(self._serve_tcp(listener)))
            loop.add_reader(self.udp[address, port].socket, self._answer_udp, address, port)
        loop.add_reader(self._sniffer, self._note_requests)

    def _answer_udp(self, address, port):
        data, source = self.udp[address, port].socket.recvfrom(2048)
        if data == b'where':
            self.udp[address, port].send(f'{source[0]} {source[1]}'.encode(), source)

    async def _serve_tcp(self, listener):
        while True:
            opened, peer = await asyncio.get_running_loop().sock_accept(listener)
            self._tasks.append(asyncio.create_task(self._answer_tcp(opened, peer)))

    async def _answer_tcp(self, opened, peer):
        """Tell a caller its endpoint, then echo what it says."""
        loop = asyncio.get_running_loop()
        data = f'{peer[0]} {peer[1]}'.encode()
        with opened, contextlib.suppress(ConnectionError):
            while data:
                await loop.sock_sendall(opened, data)
                data = await loop.sock_recv(opened, 100)

    def _note_requests(self):
        with contextlib.suppress(BlockingIOError):
            while packet := self._sniffer.recv(2048):
                if packet[9] == socket.IPPROTO_TCP:
                    address = socket.inet_ntoa(packet[12:16])
                    source, destination = struct.unpack_from('!HH', packet, (packet[0] & 15) * 4)
                    self._requests[address, destination] = source

    async def where_udp(self, client, endpoint):
        """Return where one of the reflector's endpoints sees a UDP socket."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            client.send(b'where', endpoint)
            data, _ = await client.receive(0.5, lambda _, source: source == endpoint)
            if data:
                address, port = data.decode().split()
                return address, int(port)
        return UNREACHED

    async def where_tcp(self, client, endpoint):
        """Connect a TCP socket; return where the reflector sees it."""
        if await connect(client, endpoint, PATIENCE) != 'open':
            return UNREACHED
        address, port = (await asyncio.get_running_loop().sock_recv(client, 100)).split()
        return address.decode(), int(port)

    def unused(self, address):
        """Return a new silent endpoint at the first (0) or second (1) address."""
        return self.host.addresses[address], next(self._silent_ports)

    async def ask_silence(self, host, port):
        """Request a connection from a host's port to a silent endpoint, then give up.

        Returns that endpoint and from where the request came.
        """
        silent, address = self.unused(0), host.public_address
        client = tcp_socket(host, port)
        await connect(client, silent, SILENCE)
        client.close()
        deadline = time.monotonic() + PATIENCE
        while (address, silent[1]) not in self._requests and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        return silent, (address, self._requests.get((address, silent[1])))


# What a router does

def classify_mapping(own, seen):
    """Name the mapping of an endpoint that the reflector's four see so."""
    if all(endpoint == own for endpoint in seen):
        return 'none'
    if len(set(seen)) == 1:
        return 'EI'
    return 'AD' if seen[0] == seen[1] and seen[2] == seen[3] else 'APD'


def classify_filtering(admitted):
    """Name a filtering by whom it admits.

    These are a stranger, another port of an address that was sent to, and an
    endpoint that was sent to.
    """
    return {(True, True, True): 'EI',
            (False, True, True): 'AD',
            (False, False, True): 'APD',
            (False, False, False): 'closed'}.get(tuple(admitted), 'odd')


def admissions(filtering):
    """Return whom a filtering admits, in the order of ``classify_filtering``."""
    return {'none': (True, True, True), 'EI': (True, True, True), 'AD': (False, True, True),
            'APD': (False, False, True), 'closed': (False, False, False)}[filtering]


async def udp_mapping(reflector, host):
    """Return the mapping that a host's UDP gets, and whether the port is kept."""
    client = Udp(host)
    seen = [await reflector.where_udp(client, endpoint) for endpoint in reflector.endpoints]
    return (classify_mapping((host.address, client.port), seen),
            'kept' if seen[0][1] == client.port else 'other')


async def udp_filtering(reflector, host, expected):
    """Return the filtering of what is sent to a host's UDP port."""
    client = Udp(host)
    contacted, same_address, _, stranger = [reflector.udp[each] for each in reflector.endpoints]
    if await passes(stranger, client, (host.public_address, client.port),
                    patience(expected == 'none')):
        return 'none'
    public = await reflector.where_udp(client, reflector.endpoints[0])
    return classify_filtering([
        bool(await passes(sender, client, public, patience(admitted)))
        for sender, admitted in zip((stranger, same_address, contacted), admissions(expected), strict=False)])


async def udp_collision(reflector, first, second):
    """Return whether two hosts' equal UDP ports get different public endpoints."""
    seen = [await reflector.where_udp(Udp(host, port=4000), endpoint)
            for host, endpoint in zip((first, second), reflector.endpoints, strict=False)]
    return 'apart' if seen[0] != seen[1] else 'shared'


async def udp_hairpin(reflector, first, second, expected):
    """Return the filtering of what a host sends to its neighbour's mapped endpoint."""
    sender, receiver = Udp(first), Udp(second)
    source, public = [await reflector.where_udp(client, reflector.endpoints[0])
                      for client in (sender, receiver)]
    same_address = source[0], source[1] ^ 1
    admitted = []
    for contacted, awaited in zip((None, same_address, source), admissions(expected), strict=False):
        if contacted:
            receiver.send(b'admission', contacted)
        seen = await passes(sender, receiver, public, patience(awaited))
        if seen not in (None, source):
            return f'from {seen}'
        admitted.append(bool(seen))
    return classify_filtering(admitted)


async def udp_reboot(reflector, host, router):
    """Return what becomes of a UDP mapping when its router reboots."""
    client = Udp(host)
    contacted = reflector.endpoints[0]
    before = await reflector.where_udp(client, contacted)
    router.reboot()
    if await passes(reflector.udp[contacted], client, before, SILENCE):
        return 'kept'
    after = await reflector.where_udp(client, contacted)
    return 'same port' if after == before else 'new port'


async def udp_expiry(reflector, host):
    """Return how long inbound UDP passes after the last outbound, and what follows.

    Inbound packets never pause, and should keep nothing alive.
    """
    client = Udp(host)
    server = reflector.udp[reflector.endpoints[0]]
    before = await reflector.where_udp(client, reflector.endpoints[0])
    await asyncio.sleep(LIFETIME * 0.6)
    client.send(b'renewal', reflector.endpoints[0])
    renewed = last = time.monotonic()
    while (now := time.monotonic()) < renewed + 2 * LIFETIME:
        if await passes(server, client, before, SILENCE):
            last = now
            await asyncio.sleep(0.1)
    after = {await reflector.where_udp(client, endpoint) for endpoint in reflector.endpoints}
    if before in after:
        return f'{last - renewed:.0f} s', 'same port' if len(after) == 1 else 'mixed'
    return f'{last - renewed:.0f} s', f'new ports: {len(after)}'


async def tcp_mapping(reflector, host):
    """Return the mapping that a host's TCP gets, and whether the port is kept."""
    clients = [tcp_socket(host)]
    own = clients[0].getsockname()
    clients += [tcp_socket(host, own[1]) for _ in reflector.endpoints[1:]]
    seen = [await reflector.where_tcp(client, endpoint)
            for client, endpoint in zip(clients, reflector.endpoints, strict=False)]
    return classify_mapping(own, seen), 'kept' if seen[0][1] == own[1] else 'other'


async def tcp_filtering(reflector, host, expected, refusal):
    """Return the filtering of calls to a listener that shares its port with a connection."""
    client = tcp_socket(host)
    port = client.getsockname()[1]
    listener = tcp_socket(host, port)
    listener.listen()

    async def admits(source, endpoint, awaited):
        caller = tcp_socket(reflector.host, source[1], source[0])
        result = await connect(caller, endpoint, patience(awaited))
        if result == 'open':
            async with asyncio.timeout(PATIENCE):
                _, peer = await asyncio.get_running_loop().sock_accept(listener)
            return peer == source
        return False if result == refusal else result

    if await admits(reflector.unused(1), (host.public_address, port), expected == 'none') is True:
        return 'none'
    await reflector.where_tcp(client, reflector.endpoints[0])
    silent, public = await reflector.ask_silence(host, port)
    return classify_filtering([
        await admits(source, public, awaited) for source, awaited in zip(
            (reflector.unused(1), reflector.unused(0), silent), admissions(expected), strict=False)])


async def tcp_refusal(reflector, host):
    """Return what a call to a port without a mapping gets."""
    return await connect(tcp_socket(reflector.host), (host.public_address, 9), SILENCE)


async def tcp_fate(reflector, host, disturbance):
    """Return what becomes of an open connection after a disturbance (an awaitable)."""
    loop = asyncio.get_running_loop()
    client = tcp_socket(host)
    await reflector.where_tcp(client, reflector.endpoints[0])
    await disturbance
    try:
        async with asyncio.timeout(PATIENCE):
            await loop.sock_sendall(client, b'still there?')
            return 'lives' if await loop.sock_recv(client, 100) else 'closed'
    except ConnectionResetError:
        return 'reset'
    except TimeoutError:
        return 'hangs'


# Hole punching

async def udp_punch(reflector, first, second, expected=True):
    """Return whether two hosts reach each other by UDP hole punching."""
    peers = [Udp(first), Udp(second)]
    public = [await reflector.where_udp(peer, reflector.endpoints[0]) for peer in peers]

    async def reach(peer, endpoint):
        """Greet an endpoint; answer the first greeting where it came from."""
        deadline = time.monotonic() + max(1.0, patience(expected))
        while time.monotonic() < deadline:
            peer.send(b'hello', endpoint)
            _, source = await peer.receive(0.05, lambda data, _: data == b'hello')
            if source:
                peer.send(b'hello', source)
                return True
        return False

    return all(await asyncio.gather(reach(peers[0], public[1]), reach(peers[1], public[0])))


async def tcp_punch(reflector, first, second, expected=True, listen=True):
    """Return how two hosts reach each other by TCP hole punching, or None.

    Each connects, again and again, from the port of its connection to the
    reflector, and listens there too unless told not to.  The result is
    'connect' if both ends of the connection are active ones, else 'accept'.
    """
    loop = asyncio.get_running_loop()
    hosts = first, second
    clients = [tcp_socket(host) for host in hosts]
    ports = [client.getsockname()[1] for client in clients]
    public = [await reflector.where_tcp(client, reflector.endpoints[0]) for client in clients]
    reached = [loop.create_future(), loop.create_future()]

    async def greet(side, opened, way):
        """Settle a side if the connection's other end is its peer."""
        with contextlib.suppress(OSError):
            await loop.sock_sendall(opened, b'%d' % side)
            greeting = await loop.sock_recv(opened, 1)
            if greeting == b'%d' % (1 - side) and not reached[side].done():
                reached[side].set_result((way, opened))

    async def call(side):
        while True:
            opened = tcp_socket(hosts[side], ports[side])
            if await connect(opened, public[1 - side], 2.0) == 'open':
                await greet(side, opened, 'connect')
            opened.close()
            await asyncio.sleep(random.uniform(0.05, 0.15))

    async def answer(side):
        listener = tcp_socket(hosts[side], ports[side])
        listener.listen()
        while True:
            opened, _ = await loop.sock_accept(listener)
            await greet(side, opened, 'accept')

    tasks = [asyncio.create_task(work(side))
             for work in ((call, answer) if listen else (call,)) for side in (0, 1)]
    try:
        async with asyncio.timeout(PATIENCE if expected else PUNCH_TIME):
            ways = {way for way, _ in await asyncio.gather(*reached)}
        return 'connect' if ways == {'connect'} else 'accept'
    except TimeoutError:
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def reachable(first, second):
    """Return whether hole punching works between two kinds, by the textbook.

    It fails where one side's port depends on the remote endpoint and the other
    side's filter looks at ports.
    """
    first, second = natlab.KINDS[first], natlab.KINDS[second]
    dependent = natlab.ADDRESS_DEPENDENT, natlab.ADDRESS_AND_PORT_DEPENDENT
    if first.mapping in dependent and second.mapping in dependent:
        return False
    return not ((first.mapping in dependent and second.filtering == dependent[1])
                or (second.mapping in dependent and first.filtering == dependent[1]))


# Tables

@dataclasses.dataclass
class Case:
    """A router with two hosts behind it, and what it should do."""

    label: str
    router: natlab.Router
    mapping: str
    filtering: str

    def __post_init__(self):
        options = self.router.options
        self.first = self.router.host(self.label + '-1')
        self.second = self.router.host(self.label + '-2')
        self.translates = self.router.kind.translates
        self.port = 'kept' if options.port_preserving or not self.translates else 'other'
        self.hairpin = self.filtering if options.hairpin and self.mapping == 'EI' else 'closed'
        self.refusal = 'rst' if self.filtering == 'none' else options.unsolicited_tcp


def add_case(lab, label, kind, **options):
    """Build the case of a single router."""
    return Case(label, lab.nat(label, kind, **options),
                SHORT[natlab.KINDS[kind].mapping], SHORT[natlab.KINDS[kind].filtering])


def add_cases(lab):
    """Build the routers whose whole behaviour is tabulated."""
    cases = [add_case(lab, kind, kind) for kind in natlab.KINDS]
    cases += [add_case(lab, f'{kind}-preserving', kind, port_preserving=True)
              for kind in CONE_KINDS]
    cases += [add_case(lab, f'{kind}-hairpin', kind, hairpin=True) for kind in NAT_KINDS]
    cases += [add_case(lab, f'{kind}-rst', kind, unsolicited_tcp='rst')
              for kind in ('firewall', *NAT_KINDS)]
    outer = lab.nat('outer-full-cone', 'full-cone')
    cases.append(Case('port-restricted-in-full-cone',
                      outer.nat('inner-port-restricted', 'port-restricted'), 'EI', 'APD'))
    outer = lab.nat('outer-symmetric', 'symmetric')
    cases.append(Case('full-cone-in-symmetric',
                      outer.nat('inner-full-cone', 'full-cone'), 'APD', 'APD'))
    return cases


async def udp_row(report, reflector, case):
    mapping, port = await udp_mapping(reflector, case.first)
    row = [case.label,
           report.cell(case.mapping, mapping),
           report.cell(case.filtering,
                       await udp_filtering(reflector, case.first, case.filtering)),
           report.cell(case.port, port),
           report.cell('apart', await udp_collision(reflector, case.first, case.second)),
           '-', '-']
    if case.translates:
        row[5] = report.cell(case.hairpin, await udp_hairpin(
            reflector, case.first, case.second, case.hairpin))
    if case.filtering != 'none':
        row[6] = report.cell('same port' if case.port == 'kept' else 'new port',
                             await udp_reboot(reflector, case.first, case.router))
    return row


async def tcp_row(report, reflector, case):
    mapping, port = await tcp_mapping(reflector, case.first)
    row = [case.label,
           report.cell(case.mapping, mapping),
           report.cell(case.filtering, await tcp_filtering(
               reflector, case.first, case.filtering, case.refusal)),
           report.cell(case.port, port),
           report.cell(case.refusal, await tcp_refusal(reflector, case.first)),
           '-', '-']
    if case.translates:
        expected = case.hairpin != 'closed'
        way = await tcp_punch(reflector, case.first, case.second, expected)
        row[5] = report.cell('open' if expected else 'closed', 'open' if way else 'closed')
    if case.filtering != 'none':
        row[6] = report.cell('lives' if case.port == 'kept' else 'reset', await tcp_fate(
            reflector, case.first, asyncio.to_thread(case.router.reboot)))
    return row


async def expiry_row(report, reflector, kind, host):
    end, after = await udp_expiry(reflector, host)
    expected = {'none': 'same port', 'EI': 'new ports: 1', 'AD': 'new ports: 2',
                'APD': 'new ports: 4'}
    return [kind, report.cell(f'{LIFETIME} s', end),
            report.cell(expected[SHORT[natlab.KINDS[kind].mapping]], after)]


async def matrix(report, title, hosts, punch):
    """Print which pairs of kinds reach each other."""
    pairs = list(itertools.product(natlab.KINDS, repeat=2))
    results = await asyncio.gather(*[
        punch(hosts[first][0], hosts[second][1], reachable(first, second))
        for first, second in pairs])
    cells = {pair: report.cell('yes' if reachable(*pair) else 'no', 'yes' if result else 'no')
             for pair, result in zip(pairs, results, strict=False)}
    report.table(title, ['', *natlab.KINDS],
                 [[first, *(cells[first, second] for second in natlab.KINDS)]
                  for first in natlab.KINDS])


# Further checks, each a label, the expectation and the observation

def add_pair(lab, label, upstream=None, kind='port-restricted', **options):
    """Return two hosts behind two new routers of one kind."""
    return [(upstream or lab).nat(f'{label}-{n}', kind, **options).host(f'{label}-host-{n}')
            for n in (1, 2)]


async def check_simultaneous_open(reflector, lab, kind, expected):
    return (f'TCP simultaneous open between {kind} NATs, no listeners', expected,
            await tcp_punch(reflector, *add_pair(lab, f'open-{kind}', kind=kind),
                            expected=bool(expected), listen=False))


async def check_refusing_nats(reflector, lab):
    hosts = add_pair(lab, 'refusing', unsolicited_tcp='rst')
    return ('TCP punching between port-restricted NATs that answer RST', True,
            bool(await tcp_punch(reflector, *hosts)))


async def check_equal_subnets(reflector, lab):
    hosts = add_pair(lab, 'twin', subnet='192.168.1.0/24')
    return ('UDP punching between homes with equal private addresses', (True, True),
            (hosts[0].address == hosts[1].address, await udp_punch(reflector, *hosts)))


async def check_carrier(reflector, lab, hairpin):
    carrier = lab.nat(f'cgn-{hairpin}', 'full-cone', hairpin=hairpin)
    hosts = add_pair(lab, f'home-{hairpin}', upstream=carrier)
    return (f'UDP, TCP punching between homes behind one CGN, hairpin={hairpin}',
            (hairpin, hairpin), (await udp_punch(reflector, *hosts, expected=hairpin),
                                 bool(await tcp_punch(reflector, *hosts, expected=hairpin))))


async def check_block_udp(reflector, lab):
    host = lab.nat('no-udp', 'full-cone', block_udp=True).host('no-udp-host')
    server = Udp(reflector.host)
    return ('block_udp: UDP source, TCP mapping', (None, 'EI'),
            (await passes(Udp(host), server, (reflector.host.address, server.port), SILENCE),
             (await tcp_mapping(reflector, host))[0]))


async def check_tcp_lifetime(reflector, lab):
    host = lab.nat('hasty', tcp_lifetime=LIFETIME).host('hasty-host')
    return (f'idle TCP connection after tcp_lifetime={LIFETIME}', 'reset',
            await tcp_fate(reflector, host, asyncio.sleep(LIFETIME + 1)))


async def check_local_network(lab):
    first, second = lab.nats['full-cone'].host('local-1'), lab.nats['full-cone'].host('local-2')
    sender, receiver = Udp(first), Udp(second)
    return ('hosts behind one NAT at their private addresses', True,
            await passes(sender, receiver, (second.address, receiver.port), PATIENCE)
            == (first.address, sender.port))


async def check_answers_renew(reflector, lab):
    """See that answering a stranger keeps a mapping alive, as any outbound packet does."""
    client = Udp(lab.nat('popular', 'full-cone', udp_lifetime=LIFETIME).host('popular-host'))
    first, last, _, stranger = reflector.endpoints
    public = await reflector.where_udp(client, first)
    for _ in range(2 * LIFETIME):
        await passes(reflector.udp[stranger], client, public, PATIENCE)
        client.send(b'answer', stranger)
        await asyncio.sleep(1)
    return ('mapping kept by answers to a stranger', True,
            await reflector.where_udp(client, last) == public)


async def check_call_back(reflector, lab):
    """See that an aborted connection does not keep out a call the other way."""
    loop = asyncio.get_running_loop()
    host = lab.nat('fickle').host('fickle-host')
    first, second = tcp_socket(host), tcp_socket(reflector.host, 5000)
    listener = tcp_socket(host, first.getsockname()[1])
    back = tcp_socket(reflector.host, second.getsockname()[1])
    for each in (listener, second):
        each.listen()
    await connect(first, second.getsockname(), PATIENCE)
    accepted, public = await loop.sock_accept(second)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    first.close()       # without lingering: sends RST
    with accepted, contextlib.suppress(ConnectionResetError):
        await loop.sock_recv(accepted, 1)
    return ('call back after an aborted connection', 'open',
            await connect(back, public, PATIENCE))


async def check_icmp_error(reflector, lab):
    """See that the answer of a closed UDP port comes back through a NAT."""
    client = lab.nat('icmp', 'symmetric').host('icmp-host').socket(type=socket.SOCK_DGRAM)
    client.settimeout(PATIENCE)
    client.connect((reflector.host.address, 9))
    client.send(b'anybody?')
    try:
        observed = await asyncio.to_thread(client.recv, 1)
    except OSError as error:
        observed = type(error).__name__
    return 'UDP to a closed port through a NAT', 'ConnectionRefusedError', observed


def timed_receivers(lab, name, timeout):
    """Return two UDP sockets at the addresses of a new host."""
    server = lab.public_host(name, addresses=2)
    receivers = [server.socket(type=socket.SOCK_DGRAM) for _ in server.addresses]
    for receiver, address in zip(receivers, server.addresses, strict=False):
        receiver.bind((address, 9))
        receiver.settimeout(timeout)
    return receivers


def count_torn_endpoints(host, receivers):
    """Count endpoints that have no single mapping after simultaneous first packets."""
    torn = 0
    for number in range(500):
        sender = host.socket(type=socket.SOCK_DGRAM)
        barrier = threading.Barrier(len(receivers))

        def send(receiver, sender=sender, barrier=barrier, number=number):
            barrier.wait()
            sender.sendto(b'%d' % number, receiver.getsockname())

        threads = [threading.Thread(target=send, args=[receiver]) for receiver in receivers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        torn += len({source_of(b'%d' % number, receiver) for receiver in receivers}) > 1
        sender.close()
    return torn


def source_of(wanted, receiver):
    """Return from where a receiver gets certain data, or None."""
    with contextlib.suppress(TimeoutError):
        while True:
            data, source = receiver.recvfrom(100)
            if data == wanted:
                return source
    return None


async def check_simultaneous_packets(lab):
    host = lab.nat('busy').host('busy-host')
    receivers = timed_receivers(lab, 'busy-server', timeout=SILENCE)
    return ('of 500 endpoints torn by simultaneous first packets', 0,
            await asyncio.to_thread(count_torn_endpoints, host, receivers))


def count_shared_ports(host, receivers):
    """Count public ports that endpoints of a host share, among many."""
    seen = set()
    for port in range(10000, 11000):
        receiver = receivers[port % 2]
        source = None
        with host.socket(type=socket.SOCK_DGRAM) as sender:
            sender.bind((host.address, port))
            while not source:       # the first packet is lost if it draws another's port
                sender.sendto(b'%d' % port, receiver.getsockname())
                source = source_of(b'%d' % port, receiver)
        seen.add(source)
    return 1000 - len(seen)


async def check_many_endpoints(lab):
    host = lab.nat('crowd').host('crowd-host')
    receivers = timed_receivers(lab, 'crowd-server', timeout=0.1)
    return ('of 1000 endpoints sharing a public port', 0,
            await asyncio.to_thread(count_shared_ports, host, receivers))


async def check_change_network(reflector, lab):
    networks = {'symmetric': lab.nat('move', 'symmetric'), 'firewall': lab.nats['firewall'],
                'Internet': lab.internet, 'full-cone': lab.nats['full-cone']}
    host = networks['full-cone'].host('mover')
    host.link.impair(loss_percent=100)      # stays behind with the first network's cable
    mappings = []
    for network in networks.values():
        host.change_network(network)
        address, _ = await reflector.where_udp(Udp(host), reflector.endpoints[0])
        mappings.append((await udp_mapping(reflector, host))[0]
                        if address == host.public_address else address)
    return (f'mapping after change_network to {", ".join(networks)}',
            ['APD', 'none', 'none', 'EI'], mappings)


async def check_loss(reflector, lab):
    host = lab.public_host('lossy')
    sender, receiver = Udp(reflector.host), Udp(host)
    arrived = []
    for loss in (100, 50, 0):
        host.link.impair(loss_percent=loss)
        for _ in range(200):
            sender.send(b'%d' % loss, (host.address, receiver.port))
        arrived.append(0)
        while (await receiver.receive(SILENCE))[0] == b'%d' % loss:
            arrived[-1] += 1
    return ('impair: of 200 datagrams at 100, 50, 0 % loss arrive none, some 100, all',
            (True, True, True), (arrived[0] == 0, 60 < arrived[1] < 140, arrived[2] == 200))


async def round_trip(sender, receiver, endpoint, count=11):
    """Return the median round trip in milliseconds from a socket to another's endpoint."""
    times = []
    for _ in range(count + 1):
        token = next(_tokens)
        start = time.monotonic()
        sender.send(token, endpoint)
        _, source = await receiver.receive(PATIENCE, lambda data, _, token=token: data == token)
        receiver.send(token, source)
        await sender.receive(PATIENCE, lambda data, _, token=token: data == token)
        times.append((time.monotonic() - start) * 1000)
    return statistics.median(times[1:])     # the first one may resolve addresses


def on_time(expected, observed):
    """Return the expected milliseconds if the observed ones are as exact as can be asked."""
    return expected if expected <= observed < expected + LATENESS else round(observed, 1)


def add_far_pair(lab, label, delay_ms=30, **options):
    """Return two hosts behind two new routers whose uplinks delay."""
    hosts = add_pair(lab, label, **options)
    for n in (1, 2):
        lab.nats[f'{label}-{n}'].link.impair(delay_ms=delay_ms)
    return hosts


async def check_delay(reflector, lab):
    """See that the delays of the links on a path add up, and on no other path."""
    hosts = add_far_pair(lab, 'far', kind='full-cone')
    first, second = (Udp(host) for host in hosts)
    reflected = [await reflector.where_udp(client, reflector.endpoints[0])
                 for client in (first, second)]
    carrier = lab.nat('far-carrier', 'full-cone')
    neighbours = [carrier.nat('far-inner').host('far-inner-host'), carrier.host('far-local')]
    neighbours[0].link.impair(delay_ms=10)
    lab.nats['far-inner'].link.impair(delay_ms=5)
    local = [Udp(host) for host in neighbours]
    trips = [await round_trip(first, second, reflected[1]),
             await round_trip(local[0], local[1], (neighbours[1].address, local[1].port))]
    return ('round trip (ms) with 30 ms on two uplinks; 10 and 5 ms on two local cables',
            [120, 30], [on_time(*pair) for pair in zip((120, 30), trips, strict=False)])


async def check_change_of_delay(reflector, lab):
    host = lab.public_host('changing')
    client, server = Udp(host), Udp(reflector.host)
    delays, observed = (20, 50, 5, 0), []
    for delay in delays:
        host.link.impair(delay_ms=delay)
        observed.append(on_time(2 * delay, await round_trip(
            client, server, (reflector.host.address, server.port))))
    devices = host.run(['ip', '-o', 'link'], capture_output=True, text=True).stdout.splitlines()
    return ('round trip (ms) with 20, 50, 5, 0 ms; then, devices of the host',
            ([40, 100, 10, 0], 2), (observed, len(devices)))


async def check_delay_and_loss(reflector, lab):
    """See that what a link lets pass of 200 datagrams comes late and in order."""
    host = lab.public_host('late')
    sender, receiver = Udp(reflector.host), Udp(host)
    host.link.impair(delay_ms=50, loss_percent=50)
    start = time.monotonic()
    for number in range(200):
        sender.send(b'%d' % number, (host.address, receiver.port))
    arrived, first = [], None
    while data := (await receiver.receive(SILENCE))[0]:
        first = first or time.monotonic()
        arrived.append(int(data))
    return ('of 200 datagrams with 50 ms and 50 % loss arrive some 100, late, in order',
            (True, True, True), (60 < len(arrived) < 140, bool(first) and first - start >= 0.05,
                                 arrived == sorted(arrived)))


def transfer(data, source, target):
    """Return what arrives of data sent by TCP from one host to another, and the seconds."""
    listener, sender = target.socket(), source.socket()
    for each in (listener, sender):
        each.settimeout(PATIENCE)
    listener.bind((target.address, 0))
    listener.listen()
    sender.connect(listener.getsockname())
    opened, _ = listener.accept()
    start = time.monotonic()
    thread = threading.Thread(target=lambda: (sender.sendall(data), sender.close()))
    thread.start()
    with opened, opened.makefile('rb') as stream:
        received = stream.read()
    thread.join()
    return received, time.monotonic() - start


async def check_delayed_bulk(lab):
    host, server = lab.nat('bulk').host('bulk-host'), lab.public_host('bulk-server')
    for link in (lab.nats['bulk'].link, server.link):
        link.impair(delay_ms=15)
    data = random.randbytes(20_000_000)
    received, seconds = await asyncio.to_thread(transfer, data, host, server)
    return ('20 MB by TCP with 15 ms on two links: unchanged, above 50 Mbit/s', (True, True),
            (received == data, len(data) * 8 / seconds > 50e6))


async def check_delayed_punch(reflector, lab, listen):
    hosts = add_far_pair(lab, f'far-punch-{listen}', unsolicited_tcp='rst')
    way = await tcp_punch(reflector, *hosts, listen=listen)
    return (f'TCP punching at 30 ms between NATs that answer RST, listeners={listen}',
            True, way is not None if listen else way == 'connect')


async def check_unplugging(reflector, lab):
    """See that an impairment stays with the cable when a host moves."""
    host = lab.public_host('unplugged')
    host.link.impair(loss_percent=100)
    host.change_network(lab.internet)
    return ('change_network leaves 100 % loss behind', True,
            bool(await reflector.where_udp(Udp(host), reflector.endpoints[0])))


async def check_sequential_ports(reflector, lab, kind):
    """See that each new mapping has the port after that of the one before."""
    host = lab.nat(f'sequential-{kind}', kind, port_allocation='sequential').host(
        f'sequential-{kind}-host')
    ports = [[], []]
    for _ in range(3):
        udp, tcp = Udp(host), tcp_socket(host)
        for endpoint in reflector.endpoints[:2]:
            ports[0].append((await reflector.where_udp(udp, endpoint))[1])
        ports[1].append((await reflector.where_tcp(tcp, reflector.endpoints[0]))[1])
    steps = [sorted({after - before for before, after in itertools.pairwise(each)})
             for each in ports]
    expected = [1] if natlab.KINDS[kind].mapping == natlab.ADDRESS_AND_PORT_DEPENDENT else [0, 1]
    return f'steps of sequential ports of a {kind} NAT, UDP and TCP', [expected, [1]], steps


async def check_poison(reflector, lab, kind):
    """See that who sends too early is refused until it has been silent, and nobody else is."""
    host = lab.nat(f'poisoned-{kind}', kind, poison_lifetime=LIFETIME).host(f'poisoned-{kind}-host')
    client = Udp(host)
    contacted, _, stranger, other = reflector.endpoints
    public = await reflector.where_udp(client, contacted)
    observed = [bool(await passes(reflector.udp[stranger], client, public, SILENCE))]
    for endpoint in (stranger, other):
        client.send(b'permission', endpoint)
    for endpoint, expected in ((stranger, False), (other, True), (contacted, True)):
        observed.append(bool(await passes(reflector.udp[endpoint], client, public,
                                          patience(expected))))
    await asyncio.sleep(LIFETIME + 1)
    client.send(b'permission', stranger)
    observed.append(bool(await passes(reflector.udp[stranger], client, public, PATIENCE)))
    return (f'UDP through a {kind} NAT with poison: early, after an outbound packet, '
            'another endpoint, the first one, after silence',
            [False, False, True, True, True], observed)


async def check_poison_of_tcp(reflector, lab):
    """See that a SYN that comes too early spoils the connection from inside."""
    host = lab.nat('poisoned-tcp', poison_lifetime=LIFETIME, unsolicited_tcp='rst').host(
        'poisoned-tcp-host')
    client = tcp_socket(host)
    public = await reflector.where_tcp(client, reflector.endpoints[0])
    early = tcp_socket(reflector.host, 6000)
    observed = [await connect(early, public, SILENCE)]
    early.close()
    listener = tcp_socket(reflector.host, 6000)
    listener.listen()
    inside = [tcp_socket(host, client.getsockname()[1]) for _ in range(2)]
    observed.append(await connect(inside[0], listener.getsockname(), 1.2))
    inside[0].close()
    await asyncio.sleep(LIFETIME + 1)
    observed.append(await connect(inside[1], listener.getsockname(), PATIENCE))
    return ('TCP with poison: early, from inside, after silence',
            ['rst', 'drop', 'open'], observed)


async def check_ipv6():
    """See what IPv6 networks let in, and that IPv4 beside them is as ever."""
    observed = []
    with natlab.Lab(ipv6=True) as lab:
        server = lab.public_host('server', addresses=2)
        for filtering in ('open', 'firewall'):
            host = lab.nat(filtering, ipv6=filtering).host(f'{filtering}-host')
            client = Udp6(host)
            contacted, stranger = (Udp6(server, address=address) for address in server.addresses6)
            own = host.address6, client.port
            source = await passes(client, contacted, (server.address6, contacted.port), PATIENCE)
            observed.append([
                source[:2] == own,
                bool(await passes(contacted, client, own, PATIENCE)),
                bool(await passes(stranger, client, own, patience(filtering == 'open'))),
                await connect(tcp_socket6(server), (host.address6, 9), SILENCE)])
        plain = lab.nat('plain').host('plain-host')
        observed.append((plain.address6, bool(await passes(
            Udp(plain), receiver := Udp(server), (server.address, receiver.port), PATIENCE))))
        if not natlab.delay_unavailable_reason():
            server.link.impair(delay_ms=40)
            observed.append(on_time(80, await round_trip(client, contacted, (
                server.address6, contacted.port))))
            server.link.impair()
        server.link.impair(loss_percent=100)
        observed.append(bool(await passes(client, contacted, (server.address6, contacted.port),
                                          SILENCE)))
        server.link.impair()
        server.link.unplug()
        server.link.plug_in()
        observed.append(bool(await passes(client, contacted, (server.address6, contacted.port),
                                          PATIENCE)))
    expected = [[True, True, True, 'rst'], [True, True, False, 'drop'], (None, True), 80, False,
                True]
    if natlab.delay_unavailable_reason():
        expected.remove(80)
    return ('IPv6, open and firewall: source, an answer, a stranger, a SYN; no IPv6; '
            'round trip (ms) at 40 ms; all lost; plugged in again', expected, observed)


def nat_pmp(host, router, internal, external, lifetime):
    """Ask a router for a UDP mapping (RFC 6886); return the external port and the lifetime."""
    with host.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.sendto(struct.pack('!BBHHHI', 0, 1, 0, internal, external, lifetime),
                      (router._gateway, 5351))
        _, _, result, _, _, external, lifetime = struct.unpack('!BBHIHHI', client.recv(100))
        return (external, lifetime) if result == 0 else (0, result)


async def check_port_mapping(lab):
    """See that a mapping asked for lets everybody in, to the port asked for, until its end."""
    router = lab.nat('mapping', port_mapping='all')
    host, server = router.host('mapping-host'), lab.public_host('mapping-server')
    client, stranger = Udp(host, 40000), Udp(server)
    public = router.public_address, 41000
    observed = [bool(await passes(stranger, client, public, SILENCE)),
                nat_pmp(host, router, 40000, 41000, LIFETIME),
                bool(await passes(stranger, client, public, PATIENCE))]
    source = await passes(client, stranger, (server.address, stranger.port), PATIENCE)
    observed.append(source == public)
    await asyncio.sleep(LIFETIME + 2)
    observed.append(bool(await passes(Udp(server), client, public, SILENCE)))
    observed.append(nat_pmp(host, router, 40000, 41000, 600)[0])
    await asyncio.to_thread(router.reboot)
    observed.append(bool(await passes(Udp(server), client, public, SILENCE)))
    observed.append(nat_pmp(host, router, 40000, 42000, 600)[0])
    observed.append(bool(await passes(Udp(server), client, (public[0], 42000), PATIENCE)))
    return ('port mapping: before, port and lifetime, a stranger, source of an answer, at its end; '
            'again, after a reboot, port, a stranger',
            [False, (41000, LIFETIME), True, True, False, 41000, False, 42000, True], observed)


def check_topology():
    """See a command run on a host of a lab that a file describes."""
    topology = {'public_hosts': ['server'], 'nats': [
        {'name': 'isp', 'kind': 'full-cone', 'hairpin': True, 'nats': [
            {'name': 'home', 'subnet': '192.168.7.0/24', 'hosts': ['pc']}]}]}
    program = 'import json, os; print(json.loads(os.environ["NATLAB"])["hosts"]["pc"]["address"])'
    with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
        json.dump(topology, file)
        file.flush()
        done = subprocess.run(
            [sys.executable, '-m', 'tests.natlab', 'run', file.name, '--host', 'pc', '--',
             'sh', '-c', f"{sys.executable} -c '{program}'; ip -4 -o address show eth0; exit 3"],
            capture_output=True, text=True)
    return ('run: exit status, address twice', (3, 2),
            (done.returncode, done.stdout.count('192.168.7.2')))


# A lab with a running program and, if that can be here, a delay; it prints a line.
CLEANUP_PROGRAM = '''
import contextlib, sys, time
from tests.natlab import natlab
with natlab.Lab() as lab:
    lab.nat('n').host('h').popen(['sleep', '600'])
    with contextlib.suppress(natlab.Unsupported):
        lab.nats['n'].link.impair(delay_ms=60000)
    print(flush=True)
    if sys.argv[1] == 'an exception':
        raise ValueError
    time.sleep(600)
'''


def children_of(process):
    """Return the command lines of a process's running children by process id."""
    children = {}
    for entry in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f'/proc/{entry}/stat') as file:
                state, parent = file.read().rpartition(')')[2].split()[:2]
            if state != 'Z' and int(parent) == process:
                with open(f'/proc/{entry}/cmdline') as file:
                    children[int(entry)] = file.read().replace('\0', ' ')
    return children


def surviving(programs):
    """Return those of some programs that have not ended after a while."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        running = []
        for process, command in programs.items():
            with (
                contextlib.suppress(FileNotFoundError, ProcessLookupError),
                open(f'/proc/{process}/stat') as file,
            ):
                if file.read().rpartition(')')[2].split()[0] != 'Z':
                    running.append(command)
        if not running:
            break
        time.sleep(0.05)
    return running


def check_cleanup(way, number=None):
    """See that a lab leaves nothing behind when its process ends in some way."""
    process = subprocess.Popen([sys.executable, '-c', CLEANUP_PROGRAM, way],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdout.readline()
    programs = children_of(process.pid)
    if number:
        process.send_signal(number)
    process.wait()
    process.stdout.close()
    left = []
    if number == signal.SIGKILL:
        # What delays packets ends without being told.
        left += surviving({process: command for process, command in programs.items()
                           if delayprocess.__file__ in command})
        natlab.remove_leftovers(process.pid)
    left += surviving(programs)
    prefix = f'{natlab.NETNS_PREFIX}-{process.pid}-'
    left += [name for name in os.listdir(natlab.NETNS_DIRECTORY) if name.startswith(prefix)]
    return f'a lab ran programs; left behind after {way}', (True, []), (bool(programs), left)


async def further_checks(report, reflector, lab):
    """Print what the other tables do not show."""
    rows = await asyncio.gather(
        check_simultaneous_open(reflector, lab, 'port-restricted', 'connect'),
        check_simultaneous_open(reflector, lab, 'symmetric', None),
        check_refusing_nats(reflector, lab),
        check_carrier(reflector, lab, hairpin=True),
        check_carrier(reflector, lab, hairpin=False),
        check_equal_subnets(reflector, lab),
        check_local_network(lab),
        check_block_udp(reflector, lab),
        check_tcp_lifetime(reflector, lab),
        check_answers_renew(reflector, lab),
        check_sequential_ports(reflector, lab, 'symmetric'),
        check_sequential_ports(reflector, lab, 'port-restricted'),
        check_poison(reflector, lab, 'port-restricted'),
        check_poison(reflector, lab, 'restricted-cone'),
        check_poison_of_tcp(reflector, lab),
        check_call_back(reflector, lab),
        check_icmp_error(reflector, lab))
    rows += [
        await check_simultaneous_packets(lab),
        await check_many_endpoints(lab),
        await check_change_network(reflector, lab),
        await check_loss(reflector, lab),
        await check_ipv6(),
        await check_unplugging(reflector, lab),
        check_topology(),
        check_cleanup('an exception'),
        check_cleanup('SIGTERM', signal.SIGTERM),
        check_cleanup('SIGKILL and remove_leftovers()', signal.SIGKILL)]
    without_mapping = natlab.port_mapping_unavailable_reason()
    if not without_mapping:
        rows.append(await check_port_mapping(lab))
    without_delay = natlab.delay_unavailable_reason()
    if not without_delay:
        rows += [
            await check_delay(reflector, lab),
            await check_change_of_delay(reflector, lab),
            await check_delay_and_loss(reflector, lab),
            await check_delayed_bulk(lab),
            await check_delayed_punch(reflector, lab, listen=True),
            await check_delayed_punch(reflector, lab, listen=False)]
    report.table('FURTHER CHECKS', ['check', 'observed'],
                 [[label, report.cell(expected, observed)] for label, expected, observed in rows])
    if without_delay:
        print(f'  SKIPPED impair with a delay: {without_delay}')
    if without_mapping:
        print(f'  SKIPPED port mapping: {without_mapping}')


async def run(lab, report):
    """Print all tables."""
    reflector = Reflector(lab)
    await reflector.start()
    cases = add_cases(lab)
    expiring = {kind: lab.nat(f'{kind}-expiry', kind, udp_lifetime=LIFETIME)
                .host(f'{kind}-expiry-host') for kind in natlab.KINDS if kind != 'none'}
    pairs = {kind: add_pair(lab, f'{kind}-pair', kind=kind) for kind in natlab.KINDS}
    print(f'{len(lab.nats)} routers and {len(lab.hosts)} hosts')

    report.table('UDP', ['router', 'mapping', 'filtering', 'port', 'two hosts, one port',
                         'hairpin', 'after reboot'],
                 await asyncio.gather(*[udp_row(report, reflector, case) for case in cases]))
    report.table('TCP', ['router', 'mapping', 'filtering', 'port', 'unsolicited SYN',
                         'hairpin', 'after reboot'],
                 await asyncio.gather(*[tcp_row(report, reflector, case) for case in cases]))
    report.table(f'UDP WITH udp_lifetime={LIFETIME}',
                 ['router', 'inbound ends after', 'then, to 4 endpoints'],
                 await asyncio.gather(*[expiry_row(report, reflector, kind, host)
                                        for kind, host in expiring.items()]))
    await matrix(report, 'UDP HOLE PUNCHING', pairs, functools.partial(udp_punch, reflector))
    await matrix(report, 'TCP HOLE PUNCHING', pairs, functools.partial(tcp_punch, reflector))
    await further_checks(report, reflector, lab)


def main():
    start = time.monotonic()
    if reason := natlab.unavailable_reason():
        print(reason)
        return 1
    report = Report()
    with natlab.Lab() as lab:
        asyncio.run(asyncio.wait_for(run(lab, report), TIME_LIMIT))
    print(f'\n{report.checks} checks, {report.mismatches} mismatches, '
          f'{time.monotonic() - start:.0f} s')
    return int(report.mismatches > 0)


if __name__ == '__main__':
    sys.exit(main())
