#!/usr/bin/env python3
"""A NAT laboratory made of Linux network namespaces.

A ``Lab`` holds an Internet with public addresses, public hosts, and routers of
every classic NAT kind with hosts behind them.  Programs run in a host's
namespace with real kernel UDP and TCP; nothing ever leaves the namespaces::

    with Lab() as lab:
        server = lab.public_host('server')
        alice = lab.nat('home', kind='port-restricted').host('alice')
        process = alice.popen(['python3', 'client.py', server.address])
        process.wait()

The routers are pure kernel: nftables rules and connection tracking.  Needs
root, ``ip`` and ``nft``; ``unavailable_reason()`` tells what is missing.  A link
that delays packets has a process for that where the kernel has no netem.
"""

from __future__ import annotations

import argparse
import atexit
import collections
import concurrent.futures
import contextlib
import ctypes
import dataclasses
import fcntl
import functools
import ipaddress
import itertools
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref

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
    'symmetric': Kind(ADDRESS_AND_PORT_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT,
                      'a new random port for each remote endpoint'),
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
    subnet: the private network, such as '192.168.1.0/24'; by default a
        10.0.N.0/24 that no other router of the lab has.
    """

    port_preserving: bool = False
    hairpin: bool = False
    unsolicited_tcp: str = 'drop'
    udp_lifetime: int = 120
    tcp_lifetime: int = 7440
    block_udp: bool = False
    subnet: str | None = None

    def check(self, kind):
        """Raise ``ValueError`` unless these options suit a router of a kind."""
        if self.unsolicited_tcp not in ('drop', 'rst'):
            raise ValueError(f'unsolicited_tcp is drop or rst, not {self.unsolicited_tcp!r}')
        if self.port_preserving and kind.mapping == ADDRESS_AND_PORT_DEPENDENT:
            raise ValueError('a symmetric NAT draws random ports and preserves none')
        if not kind.translates and (self.port_preserving or self.hairpin or self.subnet):
            raise ValueError('a router without NAT has no port_preserving, hairpin or subnet')


HOST_SUBNET = '198.51.100.0/24'     # public hosts
ROUTER_SUBNET = '203.0.113.0/24'    # routers, and the hosts behind those without NAT
NETNS_DIRECTORY = '/run/netns'
NETNS_PREFIX = 'natlab'
TERMINATION_DELAY = 2.0             # seconds that programs have to end after a signal
HELD_LIMIT = 64 << 20               # bytes that a link without netem can hold; more is lost

_PROGRAM = os.path.abspath(__file__)
_DELAY_ACTION = '_delay'            # what makes this program the process of a _Delayer
_DELAYED_MARK = 0x6e61746c          # on packets that have been delayed
_FRAME_SIZE = 1 << 17               # bytes; more than any frame has
_BATCH = 64                         # frames to read at a time
_TAP_QUEUE = 10000                  # frames that can wait to be read

_CLONE_NEWNET = 0x40000000          # <linux/sched.h>
_TUNSETIFF = 0x400454ca             # <linux/if_tun.h>
_TUNSETOFFLOAD = 0x400454d0
_IFF_TAP_NO_PI_VNET_HDR = 0x5002
_TUN_F_CSUM_TSO4_TSO_ECN = 0x000b
_SOL_PACKET = 263                   # <linux/socket.h>
_PACKET_VNET_HDR = 15               # <linux/if_packet.h>
_LIBC = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The laboratory could not be built or changed."""


class Unsupported(LabError):
    """This kernel lacks an optional feature."""


def _run(arguments, script=''):
    """Run a command with ``script`` as its input."""
    try:
        subprocess.run(arguments, input=script, text=True, capture_output=True, check=True)
    except FileNotFoundError:
        raise LabError(f'{arguments[0]}: command not found') from None
    except subprocess.CalledProcessError as error:
        raise LabError(f'{" ".join(arguments)}: {error.stderr.strip()}') from None


def _take(pool, what):
    """Return the next of a pool of addresses or networks, as text."""
    taken = next(pool, None)
    if taken is None:
        raise LabError(f'the lab has no {what} left')
    return str(taken)


def _write_sysctl(setting, value):
    """Write a setting of the calling thread's network namespace."""
    with open('/proc/sys/' + setting.replace('.', '/'), 'w') as file:
        file.write(str(value))


class Namespace:
    """One network namespace: a host, a router or the core of the Internet."""

    forwards = False

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.netns = lab._create_netns(name)
        self.call(self._configure)
        self.ip('link set lo up')

    def __repr__(self):
        return f'<{type(self).__name__} {self.name}>'

    def _configure(self):
        # Forwarding comes first, as it resets other settings.
        _write_sysctl('net.ipv4.ip_forward', int(self.forwards))
        for scope in ('all', 'default'):
            _write_sysctl(f'net.ipv4.conf.{scope}.rp_filter', 0)
            _write_sysctl(f'net.ipv4.conf.{scope}.send_redirects', 0)
        # These are absent in kernels without IPv6 or bridge filtering.
        with contextlib.suppress(FileNotFoundError):
            _write_sysctl('net.ipv6.conf.default.disable_ipv6', 1)
        with contextlib.suppress(FileNotFoundError):
            _write_sysctl('net.bridge.bridge-nf-call-iptables', 0)

    def ip(self, *commands):
        """Run ``ip`` subcommands in this namespace."""
        _run(['ip', '-n', self.netns, '-batch', '-'], '\n'.join(commands) + '\n')

    def nft(self, script):
        """Run an nft script in this namespace."""
        _run(self.command(['nft', '-f', '-']), script)

    def call(self, function, *arguments):
        """Return ``function(*arguments)``, run by a thread inside this namespace."""
        def enter():
            with open(os.path.join(NETNS_DIRECTORY, self.netns)) as handle:
                if _LIBC.setns(handle.fileno(), _CLONE_NEWNET):
                    error = ctypes.get_errno()
                    raise OSError(error, os.strerror(error))
            return function(*arguments)

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(enter).result()

    def socket(self, family=socket.AF_INET, type=socket.SOCK_STREAM, proto=0):
        """Return a socket of this namespace for use by the calling process.

        It belongs to this namespace whichever thread uses it, and is closed
        with the lab.
        """
        opened = self.call(socket.socket, family, type, proto)
        self.lab._sockets.add(opened)
        return opened

    def command(self, arguments):
        """Return the command line that runs a program in this namespace.

        It becomes that program, keeping its process id.
        """
        return ['ip', 'netns', 'exec', self.netns, *arguments]

    def popen(self, arguments, **options):
        """Start a program in this namespace; options as for ``subprocess.Popen``.

        Closing the lab ends it, by SIGTERM if that does.
        """
        process = subprocess.Popen(self.command(arguments), **options)
        self.lab._processes.append(process)
        return process

    def run(self, arguments, **options):
        """Run a program in this namespace to its end; as ``subprocess.run``."""
        return subprocess.run(self.command(arguments), **options)


@dataclasses.dataclass
class Link:
    """The cable between a network and a node, with the node's addresses on it."""

    network: Namespace
    network_device: str
    node: Namespace
    node_device: str
    addresses: list
    _delayer: _Delayer | None = dataclasses.field(default=None, init=False, repr=False)

    @property
    def _ends(self):
        return (self.network, self.network_device), (self.node, self.node_device)

    def impair(self, delay_ms=0, loss_percent=0):
        """Set the one-way delay (milliseconds) and the loss (percent) both ways.

        Zero takes an earlier impairment away; packets under way are then lost.
        A delay raises ``Unsupported`` where the kernel has neither netem nor
        what it takes to do without; loss works everywhere.
        """
        held_ms = 0
        try:
            for end in self._ends:
                _set_netem(*end, delay_ms)
        except LabError:                        # no tc, or no netem in this kernel
            held_ms = delay_ms
        if not held_ms:
            self._end_delayer()
        elif self._delayer:
            self._delayer.set(held_ms)
        else:
            self._delayer = _Delayer(self._ends, held_ms)
        for end in self._ends:
            _set_loss(*end, loss_percent)

    def _end_delayer(self):
        if self._delayer:
            self._delayer.end()
            self._delayer = None

    def unplug(self):
        """Pull the cable: nothing passes, and the node sees that it has no network."""
        self.node.ip(f'link set {self.node_device} down')

    def plug_in(self):
        """Put it back: the node has the same addresses and routes as before."""
        gateway = self.network._gateway
        commands = [f'link set {self.node_device} up']
        if self.network.is_routed:
            commands.append(f'route add {gateway}/32 dev {self.node_device}')
        self.node.ip(*commands, f'route add default via {gateway}')

    def remove(self):
        """Unplug both ends."""
        self._end_delayer()
        for end in self._ends:
            _set_loss(*end, 0)      # it would come back with a device of the same name
        self.node.ip(f'link del {self.node_device}')


def _set_netem(namespace, device, delay_ms):
    """Delay what leaves through a device, by the kernel."""
    tc = ['tc', '-n', namespace.netns, 'qdisc']
    if delay_ms:
        _run([*tc, 'replace', 'dev', device, 'root',
              'netem', 'delay', f'{delay_ms}ms', 'limit', '100000'])
    else:
        with contextlib.suppress(LabError):     # there was none
            _run([*tc, 'del', 'dev', device, 'root'])


class _Delayer:
    """A process that delays the IPv4 packets on a link, in place of netem.

    At each end, a rule diverts what leaves to a TAP device.  The process reads
    it there and sends it, when its time has come, by a packet socket whose mark
    makes the rule let it pass.  Frames keep their virtio header both ways, and
    thus all offloads, so TCP is no slower on a delayed link than its window.
    """

    def __init__(self, ends, delay_ms):
        self._lab = ends[0][0].lab
        self._ends = ends
        self._process = None
        try:
            self._start()
            self.set(delay_ms)
            for namespace, device in ends:
                _set_diversion(namespace, device, _tap_name(device))
        except (LabError, OSError) as error:
            self.end()
            raise Unsupported('a delay needs tc and a kernel with netem (CONFIG_NET_SCH_NETEM), '
                              'or else TAP devices and nftables rules that forward at egress '
                              '(CONFIG_TUN, CONFIG_NETFILTER_EGRESS, CONFIG_NFT_FWD_NETDEV): '
                              f'{error}') from error

    def _start(self):
        with contextlib.ExitStack() as files:
            descriptors = []
            for namespace, device in self._ends:
                tap = _tap_name(device)
                for opened in namespace.call(_open_tap, tap), namespace.call(_open_exit, device):
                    descriptors.append(files.enter_context(opened).fileno())
                namespace.ip(f'link set {tap} up arp off multicast off txqueuelen {_TAP_QUEUE}')
            # It is in a namespace of the lab for remove_leftovers() to find it.
            self._process = subprocess.Popen(
                ['ip', 'netns', 'exec', self._lab.internet.netns,
                 sys.executable, '-I', '-S', _PROGRAM, _DELAY_ACTION, *map(str, descriptors)],
                pass_fds=descriptors, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._lab._delayers.append(self._process)

    def set(self, delay_ms):
        """Set the delay of packets that leave from now on."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b'%f\n' % (delay_ms / 1000))
        if not self._process.stdout.readline():
            raise LabError('the process that delays packets has ended')

    def end(self):
        """Remove the delay and the packets under way."""
        for namespace, device in self._ends:
            with contextlib.suppress(LabError):     # such as a rule that cannot be
                _set_diversion(namespace, device, None)
        if self._process:
            self._lab._delayers.remove(self._process)
            with self._process as process:
                process.kill()


def _set_diversion(namespace, device, tap):
    """Divert the IPv4 packets that leave through a device to a TAP device, or to none."""
    table = f'table netdev natlab_delay_{device}'
    script = f'{table}\ndelete {table}\n'
    if tap:
        script += f'''{table} {{
            chain divert {{
                type filter hook egress device "{device}" priority filter
                meta protocol ip meta mark != {_DELAYED_MARK} fwd to "{tap}"
            }}
        }}
        '''
    namespace.nft(script)


def _tap_name(device):
    return f'delay_{device}'


def _open_tap(name):
    """Make a TAP device in the calling thread's network namespace."""
    tap = open('/dev/net/tun', 'r+b', buffering=0)  # noqa: SIM115
    try:
        fcntl.ioctl(tap, _TUNSETIFF, struct.pack('16sH22x', name.encode(), _IFF_TAP_NO_PI_VNET_HDR))
        fcntl.ioctl(tap, _TUNSETOFFLOAD, _TUN_F_CSUM_TSO4_TSO_ECN)
    except OSError:
        tap.close()
        raise
    return tap


def _open_exit(device):
    """Return a socket that sends frames, as read from a TAP device, through a device."""
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)   # 0: receives nothing
    out.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, _DELAYED_MARK)
    out.bind((device, 0))
    return out


def _delay_frames(exits):
    """Be the process of a ``_Delayer``, until it is killed or its lab's process ends.

    exits: for each TAP device, the socket that sends its frames, both as file
    descriptors.  Every line on standard input is a delay in seconds, and is
    acknowledged by a line.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(-20)            # to be in time however busy the programs are
    for tap in exits:
        os.set_blocking(tap, False)
    buffer = bytearray(_FRAME_SIZE)
    held = collections.deque()  # when to send, by which exit, the frame; never reordered
    held_size = 0
    delay = 0.0
    while True:
        timeout = max(0, held[0][0] - time.monotonic()) if held else None
        readable, _, _ = select.select([0, *exits], [], [], timeout)
        if 0 in readable:
            readable.remove(0)
            line = os.read(0, 100)
            if not line:
                return
            delay = float(line)
            os.write(1, b'\n')
        due = time.monotonic() + delay
        for tap in readable:
            with contextlib.suppress(BlockingIOError):
                for _ in range(_BATCH):
                    size = os.readv(tap, [buffer])
                    if held_size + size <= HELD_LIMIT:
                        held.append((due, exits[tap], bytes(memoryview(buffer)[:size])))
                        held_size += size
        while held and held[0][0] <= time.monotonic():
            _, packet_socket, frame = held.popleft()
            held_size -= len(frame)
            with contextlib.suppress(OSError):      # such as a device that is down
                os.write(packet_socket, frame)


def _set_loss(namespace, device, loss_percent):
    """Drop a random share of the IPv4 packets that arrive at a device."""
    table = f'table netdev natlab_{device}'
    script = f'{table}\ndelete {table}\n'
    if loss_percent:
        script += f'''{table} {{
            chain loss {{
                type filter hook ingress device "{device}" priority filter
                meta protocol ip numgen random mod 100000 <= {round(loss_percent * 1000) - 1} drop
            }}
        }}
        '''
    namespace.nft(script)


def _address_routed(node, device, addresses, gateway):
    """Configure a node that is alone with its gateway on a link."""
    node.ip(f'link set {device} up',
            *(f'address add {address}/32 dev {device}' for address in addresses),
            f'route add {gateway}/32 dev {device}',
            f'route add default via {gateway}')


class Internet(Namespace):
    """The core router, to which every public node has a link of its own."""

    forwards = True
    is_routed = True

    def __init__(self, lab):
        super().__init__(lab, 'internet')
        self._pools = {subnet: ipaddress.ip_network(subnet).hosts()
                       for subnet in (HOST_SUBNET, ROUTER_SUBNET)}
        self._gateway = self.allocate(HOST_SUBNET)
        self._ports = itertools.count()

    def allocate(self, subnet):
        """Return the next free public address of a subnet."""
        return _take(self._pools[subnet], f'address in {subnet}')

    def connect(self, node, device, count=1):
        """Plug ``device`` of a node in and give it ``count`` public addresses."""
        subnet = ROUTER_SUBNET if isinstance(node, Router) else HOST_SUBNET
        addresses = [self.allocate(subnet) for _ in range(count)]
        port = f'port{next(self._ports)}'
        self.ip(f'link add {port} type veth peer name {device} netns {node.netns}',
                f'link set {port} up',
                f'address add {self._gateway}/32 dev {port}',
                *(f'route add {address}/32 dev {port}' for address in addresses))
        _address_routed(node, device, addresses, self._gateway)
        return Link(self, port, node, device, addresses)

    def disconnect(self, link):
        """Unplug a node; the routes to it go with the link."""
        link.remove()


class Host(Namespace):
    """A machine of the lab, public or behind a router."""

    def __init__(self, lab, name, network, **connect_options):
        super().__init__(lab, name)
        self.link = network.connect(self, 'eth0', **connect_options)

    @property
    def addresses(self):
        """The host's own IPv4 addresses."""
        return self.link.addresses

    @property
    def address(self):
        """The first of the host's own IPv4 addresses."""
        return self.link.addresses[0]

    @property
    def public_address(self):
        """The address that this host has on the Internet."""
        network = self.link.network
        if isinstance(network, Router) and network.kind.translates:
            return network.public_address
        return self.address

    def change_network(self, network):
        """Move to another router, or to ``lab.internet``, with a new address."""
        self.link.network.disconnect(self.link)
        self.link = network.connect(self, 'eth0')


class Router(Namespace):
    """A router between an upstream network and a local one."""

    forwards = True

    def __init__(self, lab, name, upstream, kind, options):
        if not kind.translates and upstream is not lab.internet:
            raise ValueError('a router without NAT must be on the Internet itself')
        options.check(kind)
        super().__init__(lab, name)
        self.kind = kind
        self.options = options
        self.link = upstream.connect(self, 'wan')
        self._serialize('wan')
        self._ports = itertools.count()
        if self.kind.translates:
            self.subnet = ipaddress.ip_network(options.subnet or lab._next_subnet())
            self._pool = self.subnet.hosts()
            self._gateway = _take(self._pool, f'address in {self.subnet}')
        else:
            self.subnet = None
            self._gateway = self.address
        # A bridge without an address of its own changes it with its ports.
        self.ip('link add lan address 02:00:00:00:00:01 type bridge',
                'link set lan up',
                f'address add {self._gateway}/{self._prefix_length} dev lan')
        self.nft(_ruleset(self))
        # These settings exist once the rules have loaded connection tracking.
        self.call(self._configure_tracking)

    def _serialize(self, device):
        """Make one CPU handle what arrives at any device of this router.

        Otherwise simultaneous first packets of an endpoint could get two mappings.
        """
        file = f'/sys/class/net/{device}/queues/rx-0/rps_cpus'
        # The file is absent in kernels for a single CPU.
        _run(self.command(['sh', '-c', f'test ! -e {file} || echo 1 > {file}']))

    @property
    def _prefix_length(self):
        return self.subnet.prefixlen if self.subnet else 32

    def _configure_tracking(self):
        """Make connection tracking forget flows no later than the rules do."""
        directory = '/proc/sys/net/netfilter'
        for setting in os.listdir(directory):
            if setting.startswith('nf_conntrack_tcp_timeout_'):
                with open(f'{directory}/{setting}') as file:
                    timeout = min(int(file.read()), self.options.tcp_lifetime)
                _write_sysctl(f'net.netfilter.{setting}', timeout)
        for setting, value in {
                # Enough for an ICMP error to come back.
                'udp_timeout': 1,
                'udp_timeout_stream': 1,
                # A failed connection must not stand in its successor's way: forget one
                # that is reset, and take any sequence number after an unanswered one.
                'tcp_timeout_close': 0,
                'tcp_be_liberal': 1,
        }.items():
            _write_sysctl(f'net.netfilter.nf_conntrack_{setting}', value)

    @property
    def is_routed(self):
        """Whether a host behind it is alone with its gateway on the link."""
        return self.subnet is None

    @property
    def address(self):
        """The router's address on its upstream network."""
        return self.link.addresses[0]

    @property
    def public_address(self):
        """The address that this router has on the Internet."""
        upstream = self.link.network
        if isinstance(upstream, Router) and upstream.kind.translates:
            return upstream.public_address
        return self.address

    def host(self, name):
        """Add a host to the local network."""
        return self.lab._add_host(Host(self.lab, name, self))

    def nat(self, name, kind='port-restricted', **options):
        """Add a router to the local network; as ``Lab.nat``."""
        return self.lab._add_router(self, name, kind, options)

    def connect(self, node, device):
        """Plug ``device`` of a node in and give it a local address."""
        port = f'port{next(self._ports)}'
        self.ip(f'link add {port} type veth peer name {device} netns {node.netns}',
                f'link set {port} master lan up')
        self._serialize(port)
        if self.subnet:
            address = _take(self._pool, f'address in {self.subnet}')
            node.ip(f'link set {device} up',
                    f'address add {address}/{self.subnet.prefixlen} dev {device}',
                    f'route add default via {self._gateway}')
        else:
            address = self.lab.internet.allocate(ROUTER_SUBNET)
            self.ip(f'route add {address}/32 dev lan')
            self.lab.internet.ip(f'route add {address}/32 via {self.address}')
            _address_routed(node, device, [address], self._gateway)
        return Link(self, port, node, device, [address])

    def disconnect(self, link):
        """Unplug a node from the local network."""
        link.remove()
        if not self.subnet:
            self.ip(f'route del {link.addresses[0]}/32 dev lan')
            self.lab.internet.ip(f'route del {link.addresses[0]}/32')

    def reboot(self, downtime=0.0):
        """Forget every mapping and permission, after ``downtime`` seconds off."""
        self.nft(_RULESET_OFF)
        self.call(_flush_tracking)
        time.sleep(downtime)
        self.nft(_ruleset(self))


def _flush_tracking():
    """Empty the connection table of the calling thread's network namespace."""
    # A ctnetlink delete request without a tuple: nlmsghdr, then nfgenmsg.
    netlink_netfilter, ctnetlink_delete, request_and_acknowledge = 12, 0x0102, 0x0005
    request = struct.pack('=IHHIIBBH', 20, ctnetlink_delete, request_and_acknowledge,
                          0, 0, socket.AF_UNSPEC, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, netlink_netfilter) as netlink:
        netlink.send(request)
        # The answer is an nlmsghdr of 16 bytes and a negated errno.
        error, = struct.unpack_from('=i', netlink.recv(4096), 16)
    if error:
        raise LabError(f'flushing connection tracking: {os.strerror(-error)}')


# A router's rules.  An internal endpoint is a local host's address and port.
#
# Packets pass the chains in this order; all but forward and input exist per protocol:
#   guard     (prerouting, first)        keeps dead mappings out of connection tracking
#   note      (prerouting, before NAT)   remembers whom an internal endpoint sends to
#   dstnat    (prerouting)               sends what is for a public port to its owner
#   forward, input                       filter what comes from upstream
#   srcnat    (postrouting)              applies a mapping, or draws a public port
#   learn     (postrouting, after NAT)   records the port that was drawn
#
# Connection tracking only translates, and forgets soon.  What may come in, and
# which port an endpoint keeps, is decided by sets whose elements expire and
# which only outbound packets renew.
_RULESET_RESET = 'table ip natlab\ndelete table ip natlab\n'

_RULESET_OFF = _RULESET_RESET + '''
table ip natlab {
    chain off {
        type filter hook prerouting priority raw; policy drop
    }
}
'''


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


_REMOTE_KEYS = {
    ENDPOINT_INDEPENDENT: _RemoteKey(),
    ADDRESS_DEPENDENT: _RemoteKey(
        ' . ipv4_addr', ' . ip daddr', ' . ip saddr', ' . ct {0} ip daddr'),
    ADDRESS_AND_PORT_DEPENDENT: _RemoteKey(
        ' . ipv4_addr . inet_service', ' . ip daddr . th dport', ' . ip saddr . th sport',
        ' . ct {0} ip daddr . ct {0} proto-dst'),
}


def _ruleset(router):
    """Return the nft script that makes a router what it is."""
    rules = _filter_rules(router)
    if router.kind.translates:
        rules += _portless_rules(router)
    for protocol, lifetime in (('udp', router.options.udp_lifetime),
                               ('tcp', router.options.tcp_lifetime)):
        if router.kind.filtering != NONE:
            rules += _permission_rules(router, protocol, lifetime)
        if router.kind.translates:
            rules += _translation_rules(router, protocol, lifetime)
    return f'{_RULESET_RESET}table ip natlab {{{rules}}}\n'


def _filter_rules(router):
    """Return the chains that decide what passes."""
    block_udp = 'meta l4proto udp drop' if router.options.block_udp else ''
    if router.kind.filtering == NONE:
        return f'''
    chain forward {{
        type filter hook forward priority filter
        {block_udp}
    }}
'''
    refuse = ('meta l4proto tcp reject with tcp reset'
              if router.options.unsolicited_tcp == 'rst' else '')
    return f'''
    chain forward {{
        type filter hook forward priority filter; policy drop
        {block_udp}
        ct state invalid drop
        iifname "lan" accept
        ct state related accept
        meta l4proto icmp ct state established accept
        meta l4proto udp {_permission(router)} @udp_permitted accept
        meta l4proto tcp {_permission(router)} @tcp_permitted accept
        {refuse}
    }}
    chain input {{
        type filter hook input priority filter; policy drop
        meta l4proto icmp accept
        {refuse}
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


def _permission(router):
    """Return what permits an inbound packet, as its receiver sees it."""
    return f'ip daddr . th dport{_REMOTE_KEYS[router.kind.filtering].inbound}'


def _permission_rules(router, protocol, lifetime):
    """Return what remembers, for so many seconds, who may send to an internal endpoint."""
    remote = _REMOTE_KEYS[router.kind.filtering]
    sent = f'ip saddr . th sport{remote.outbound}'
    return f'''
    # internal endpoint . what the filter looks at of the remote one
    set {protocol}_permitted {{
        type ipv4_addr . inet_service{remote.type}
        flags dynamic, timeout; timeout {lifetime}s; size 65535
    }}
    chain {protocol}_note {{
        type filter hook prerouting priority mangle
        iifname "lan" meta l4proto {protocol} update @{protocol}_permitted {{ {sent} }}
    }}
'''


def _translation_rules(router, protocol, lifetime):
    """Return what maps internal endpoints to public ports, for so many seconds."""
    remote = _REMOTE_KEYS[router.kind.mapping]
    address = router.address
    own = f'meta l4proto {protocol}'
    received = f'iifname "wan" ip daddr {address} {own}'
    keep_port = translate_hairpin = filter_hairpin = ''
    if router.options.port_preserving:
        keep_port = (f'{own} th sport{remote.outbound} != @{protocol}_taken '
                     f'snat to {address} : th sport')
    if router.options.hairpin and router.kind.mapping == ENDPOINT_INDEPENDENT:
        received = f'ip daddr {address} {own}'
        translate_hairpin = (f'oifname "lan" ip saddr {router.subnet} {own} '
                             f'ct status dnat jump {protocol}_translate')
        filter_hairpin = (f'oifname "lan" {own} {_permission(router)} '
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
        {received} th dport{remote.inbound} != @{protocol}_taken notrack
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
        # Mark a port drawn at random.  Each half of the ports draws from the other.
        {own} meta mark set 1
        {own} th sport < 32768 snat to {address}:32768-65535 fully-random
        {own} snat to {address}:1024-32767 fully-random
    }}
    chain {protocol}_learn {{
        type filter hook postrouting priority srcnat + 10
        # Another endpoint has the port: the sender's next packet draws again.
        meta mark 1 {own} th sport{remote.outbound} @{protocol}_taken drop
        {learn}
        # A hairpin packet passed as outbound; now it is as its receiver sees it.
        {filter_hairpin}
    }}
'''


_open_labs = set()


def _exit_on_sigterm(signum, frame):
    """Turn SIGTERM into an exception, so that labs are closed."""
    sys.exit(128 + signum)


def _replace_sigterm_handler(old, new):
    """Replace the handler of SIGTERM where this thread can and nobody else has."""
    if (threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is old):
        signal.signal(signal.SIGTERM, new)


class Lab:
    """A laboratory; close it, or use it as a context manager.

    Closing ends every program in it and removes the namespaces, and so do the
    end of the Python process and, unless the process handles it, SIGTERM.
    """

    _serial = itertools.count(1)

    def __init__(self):
        self.hosts = {}
        self.nats = {}
        self._prefix = f'{NETNS_PREFIX}-{os.getpid()}-{next(self._serial)}-'
        self._subnets = (f'10.0.{n}.0/24' for n in range(1, 256))
        self._netns = []
        self._processes = []
        self._delayers = []
        self._sockets = weakref.WeakSet()
        self._process = os.getpid()
        _open_labs.add(self)
        atexit.register(self.close)
        _replace_sigterm_handler(signal.SIG_DFL, _exit_on_sigterm)
        try:
            self.internet = Internet(self)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def public_host(self, name, addresses=1):
        """Add a host with its own public addresses."""
        return self._add_host(Host(self, name, self.internet, count=addresses))

    def nat(self, name, kind='port-restricted', **options):
        """Add a router of a kind of ``KINDS`` to the Internet; options: ``Options``."""
        return self._add_router(self.internet, name, kind, options)

    def reboot(self, nat, downtime=0.0):
        """Make a router forget every mapping, after ``downtime`` seconds off."""
        nat.reboot(downtime)

    def build(self, topology):
        """Add what a topology describes; its form is in the README."""
        for name in topology.get('public_hosts', ()):
            self.public_host(name)
        self._build_nats(self, topology.get('nats', ()))

    def _build_nats(self, upstream, nats):
        for description in nats:
            options = dict(description)
            hosts, inner = options.pop('hosts', ()), options.pop('nats', ())
            router = upstream.nat(**options)
            for name in hosts:
                router.host(name)
            self._build_nats(router, inner)

    def describe(self):
        """Return the namespaces and addresses of all hosts and routers."""
        return {group: {node.name: {'netns': node.netns, 'address': node.address,
                                    'public_address': node.public_address}
                        for node in nodes.values()}
                for group, nodes in (('hosts', self.hosts), ('nats', self.nats))}

    def close(self):
        """End the lab's programs and remove its namespaces; again is harmless."""
        if self not in _open_labs or os.getpid() != self._process:
            return
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self._end_processes()
            for process in self._delayers:
                with process:
                    process.kill()
            for opened in self._sockets:
                opened.close()
            _delete_netns(self._netns)
            _open_labs.discard(self)
            atexit.unregister(self.close)
            if not _open_labs:
                _replace_sigterm_handler(_exit_on_sigterm, signal.SIG_DFL)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _end_processes(self):
        running = [process for process in self._processes if process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + TERMINATION_DELAY
        for process in running:
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _create_netns(self, name):
        if not re.fullmatch(r'[A-Za-z0-9_-]+', name):
            raise ValueError(f'a name has letters, digits, - and _ only: {name!r}')
        netns = self._prefix + name
        if netns in self._netns:
            raise ValueError(f'there is a {name!r} already')
        self._netns.append(netns)
        _run(['ip', 'netns', 'add', netns])
        return netns

    def _next_subnet(self):
        return _take(self._subnets, 'private network')

    def _add_host(self, host):
        self.hosts[host.name] = host
        return host

    def _add_router(self, upstream, name, kind, options):
        if kind not in KINDS:
            raise ValueError(f'no kind {kind!r}; there are {", ".join(KINDS)}')
        router = Router(self, name, upstream, KINDS[kind], Options(**options))
        self.nats[name] = router
        return router


def _identity(file):
    """Return what tells a file (path or descriptor) from all others, or None if it is gone."""
    with contextlib.suppress(OSError):
        status = os.stat(file)
        return status.st_dev, status.st_ino
    return None


def _processes_in(namespaces):
    """Return the ids of the processes in network namespaces, given by identity."""
    return [int(entry) for entry in os.listdir('/proc')
            if entry.isdigit() and _identity(f'/proc/{entry}/ns/net') in namespaces]


def _delete_netns(names):
    """Delete network namespaces and kill what still runs in them."""
    with contextlib.ExitStack() as opened:
        doomed = set()
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                # While it is open, no other namespace can get its identity.
                file = opened.enter_context(open(os.path.join(NETNS_DIRECTORY, name)))
                doomed.add(_identity(file.fileno()))
        doomed.discard(_identity('/proc/self/ns/net'))
        # Without their names, nothing can enter them any more.
        for name in names:
            with contextlib.suppress(LabError):
                _run(['ip', 'netns', 'delete', name])
        deadline = time.monotonic() + TERMINATION_DELAY
        while (processes := _processes_in(doomed)) and time.monotonic() < deadline:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.01)


def remove_leftovers(process=None):
    """Remove the namespaces of labs whose process was killed; return their names.

    process: its process id, for the labs of no other; by default any.
    """
    leftovers = []
    for name in os.listdir(NETNS_DIRECTORY) if os.path.isdir(NETNS_DIRECTORY) else ():
        match = re.match(rf'{NETNS_PREFIX}-(\d+)-', name)
        if match and not os.path.exists(f'/proc/{match[1]}') and process in (None, int(match[1])):
            leftovers.append(name)
    _delete_netns(leftovers)
    return leftovers


@functools.cache
def unavailable_reason():
    """Return why this machine cannot run a lab, in one line, or None if it can."""
    if os.geteuid():
        return 'natlab must run as root'
    for command in ('ip', 'nft'):
        if not shutil.which(command):
            return f'natlab needs the command {command}'
    try:
        with Lab() as lab:
            server = lab.public_host('server')
            nat = lab.nat('nat', kind='restricted-cone', port_preserving=True, hairpin=True,
                          unsolicited_tcp='rst')
            source, _ = _probe(nat.host('host'), server)
            nat.reboot()
    except (LabError, OSError) as error:
        return 'natlab cannot build a lab: ' + ' '.join(str(error).split())
    if source != nat.address:
        return 'natlab finds that this kernel does not translate addresses'
    return None


@functools.cache
def delay_unavailable_reason():
    """Return why ``Link.impair`` cannot delay packets here, or None if it can."""
    try:
        with Lab() as lab:
            host = lab.public_host('host')
            host.link.impair(delay_ms=20)
            _, seconds = _probe(host, lab.public_host('server'))
    except (LabError, OSError) as error:
        return ' '.join(str(error).split())
    return None if seconds >= 0.02 else 'natlab finds that this kernel delays no packets'


def _probe(sender, receiver):
    """Send a datagram between hosts; return its source address, and its time in seconds."""
    inbox, outbox = (host.socket(type=socket.SOCK_DGRAM) for host in (receiver, sender))
    inbox.bind((receiver.address, 1))
    inbox.settimeout(2)
    start = time.monotonic()
    outbox.sendto(b'probe', (receiver.address, 1))
    _, (source, _) = inbox.recvfrom(16)
    return source, time.monotonic() - start


def _print_kinds():
    row = '{:16} {:27} {:27} {}'.format
    print(row('kind', 'mapping', 'filtering', 'summary'))
    for name, kind in KINDS.items():
        print(row(name, kind.mapping, kind.filtering, kind.summary))


def _run_in_topology(topology, host, command):
    """Run a command next to, or on a host of, a lab; return its exit status."""
    with Lab() as lab:
        lab.build(topology)
        if host and host not in lab.hosts:
            sys.exit(f'the topology has no host {host!r}')
        environment = os.environ | {'NATLAB': json.dumps(lab.describe())}
        run = lab.hosts[host].run if host else subprocess.run
        return run(command, env=environment).returncode


def main():
    if sys.argv[1:2] == [_DELAY_ACTION]:
        # Duplicates have numbers that are small enough for select().
        descriptors = map(os.dup, map(int, sys.argv[2:]))
        _delay_frames(dict(zip(descriptors, descriptors, strict=False)))
        return 0
    parser = argparse.ArgumentParser(description='A NAT laboratory in network namespaces.')
    commands = parser.add_subparsers(dest='action', required=True)
    commands.add_parser('table', help='print the NAT kinds')
    commands.add_parser('check', help='exit 0 if this machine can run a lab, else say why not')
    commands.add_parser('clean', help='remove what killed labs have left')
    run = commands.add_parser('run', help='run a command with a lab')
    run.add_argument('topology', type=argparse.FileType(),
                     help='JSON file; its form is in the README')
    run.add_argument('--host', help='run the command on this host of the lab')
    run.add_argument('command', nargs='+', metavar='-- COMMAND')
    arguments = parser.parse_args()

    if arguments.action == 'table':
        _print_kinds()
    elif arguments.action == 'clean':
        for name in remove_leftovers():
            print(f'removed {name}')
    elif reason := unavailable_reason():
        print(reason)
        return 1
    elif arguments.action == 'check':
        delay = delay_unavailable_reason()
        print('natlab can run here' + (f'; {delay}' if delay else ''))
    else:
        with arguments.topology as file:
            topology = json.load(file)
        return _run_in_topology(topology, arguments.host, arguments.command)
    return 0


if __name__ == '__main__':
    sys.exit(main())
