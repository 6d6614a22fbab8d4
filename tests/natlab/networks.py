"""The Internet of a laboratory, its hosts and its routers."""

from __future__ import annotations

import ipaddress
import itertools
import os
import socket
import struct
import time

from tests.natlab import rulesets
from tests.natlab.commands import LabError, run, take, write_sysctl
from tests.natlab.namespaces import Link, Namespace, default_route
from tests.natlab.portmapper import PortMapper

HOST_SUBNET = '198.51.100.0/24'     # public hosts
ROUTER_SUBNET = '203.0.113.0/24'    # routers, and the hosts behind those without NAT
# Routers that map ports on request: miniupnpd knows the networks for documentation as such and
# refuses to serve there.  This one has always been kept unassigned, too.
MAPPER_SUBNET = '192.0.1.0/24'
HOST_SUBNET6 = '2001:db8:1::/64'
ROUTER_SUBNET6 = '2001:db8:2::/64'
LOCAL_SUBNETS6 = '2001:db8:100::/40'    # one /64 of it for each local network

_LINK_ADDRESS = '02:00:00:00:00:01'     # of each router's local network
_LINK_ADDRESS6 = 'fe80::ff:fe00:1'      # what the kernel makes of it


def _address_routed(node, device, addresses, gateway):
    """Configure a node that is alone with its gateway on a link."""
    whole = 128 if ':' in gateway else 32
    # What a program sends has the first address, unless it says otherwise: IPv6 prefers the newest.
    others = ' preferred_lft 0' if whole == 128 else ''
    node.ip(f'link set {device} up',
            *(f'address add {address}/{whole} dev {device}{others if count else ""}'
              for count, address in enumerate(addresses)),
            *default_route(device, gateway, is_routed=True))


class Internet(Namespace):
    """The core router, to which every public node has a link of its own."""

    forwards = True
    is_routed = True

    def __init__(self, lab):
        super().__init__(lab, 'internet')
        self._pools = {subnet: ipaddress.ip_network(subnet).hosts()
                       for subnet in (HOST_SUBNET, ROUTER_SUBNET, MAPPER_SUBNET,
                                      HOST_SUBNET6, ROUTER_SUBNET6)}
        self._local_subnets6 = ipaddress.ip_network(LOCAL_SUBNETS6).subnets(new_prefix=64)
        self._gateway = self.allocate(HOST_SUBNET)
        self._gateway6 = self.allocate(HOST_SUBNET6)
        self._ports = itertools.count()

    def allocate(self, subnet):
        """Return the next free public address of a subnet."""
        return take(self._pools[subnet], f'address in {subnet}')

    def allocate_subnet6(self):
        """Return the next free IPv6 network for a local network."""
        return ipaddress.ip_network(take(self._local_subnets6, 'IPv6 network'))

    def connect(self, node, device, count=1):
        """Plug ``device`` of a node in and give it ``count`` public addresses."""
        subnet, subnet6 = HOST_SUBNET, HOST_SUBNET6 if self.lab.ipv6 else None
        if isinstance(node, Router):
            subnet = MAPPER_SUBNET if node.options.port_mapping else ROUTER_SUBNET
            subnet6 = ROUTER_SUBNET6 if node.options.ipv6 else None
        addresses = [self.allocate(subnet) for _ in range(count)]
        port = f'port{next(self._ports)}'
        self.ip(f'link add {port} type veth peer name {device} netns {node.netns}',
                f'link set {port} up',
                f'address add {self._gateway}/32 dev {port}',
                *(f'route add {address}/32 dev {port}' for address in addresses))
        _address_routed(node, device, addresses, self._gateway)
        addresses6 = [self.allocate(subnet6) for _ in range(count)] if subnet6 else []
        if addresses6:
            self.ip(f'address add {self._gateway6}/128 dev {port}',
                    *(f'route add {address}/128 dev {port}' for address in addresses6))
            _address_routed(node, device, addresses6, self._gateway6)
        return Link(self, port, node, device, addresses, addresses6)

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
    def addresses6(self):
        """The host's own IPv6 addresses; none where its network has no IPv6."""
        return self.link.addresses6

    @property
    def address6(self):
        """The first of the host's own IPv6 addresses, or None."""
        return self.addresses6[0] if self.addresses6 else None

    @property
    def public_address(self):
        """The IPv4 address that this host has on the Internet."""
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
        if options.ipv6 and not (lab.ipv6 and upstream is lab.internet):
            raise ValueError('a router has IPv6 in a Lab(ipv6=True), and on the Internet itself')
        if options.port_mapping and upstream is not lab.internet:
            raise ValueError('a router that maps ports must be on the Internet itself')
        self.kind = kind
        self.options = options
        super().__init__(lab, name)
        self.link = upstream.connect(self, 'wan')
        self._serialize('wan')
        self._ports = itertools.count()
        if self.kind.translates:
            self.subnet = ipaddress.ip_network(options.subnet or lab._next_subnet())
            self._pool = self.subnet.hosts()
            self._gateway = take(self._pool, f'address in {self.subnet}')
        else:
            self.subnet = None
            self._gateway = self.address
        # A bridge without an address of its own changes it with its ports.
        self.ip(f'link add lan address {_LINK_ADDRESS} type bridge',
                'link set lan up',
                f'address add {self._gateway}/{self._prefix_length} dev lan')
        self.subnet6 = self._gateway6 = None
        if options.ipv6:
            self._start_ipv6()
        self.nft(rulesets.ruleset(self))
        # These settings exist once the rules have loaded connection tracking.
        self.call(self._configure_tracking)
        self.port_mapper = PortMapper(self) if options.port_mapping else None

    def _start_ipv6(self):
        self.subnet6 = self.lab.internet.allocate_subnet6()
        self._pool6 = self.subnet6.hosts()
        self._gateway6 = take(self._pool6, f'address in {self.subnet6}')
        self.ip(f'address add {self._gateway6}/64 dev lan')
        self.lab.internet.ip(f'route add {self.subnet6} via {self.link.addresses6[0]}')

    @property
    def link_address6(self):
        """The router's IPv6 address that holds on its local network alone."""
        return _LINK_ADDRESS6

    def _serialize(self, device):
        """Make one CPU handle what arrives at any device of this router.

        Otherwise simultaneous first packets of an endpoint could get two mappings.
        """
        file = f'/sys/class/net/{device}/queues/rx-0/rps_cpus'
        # The file is absent in kernels for a single CPU.
        run(self.command(['sh', '-c', f'test ! -e {file} || echo 1 > {file}']))

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
                write_sysctl(f'net.netfilter.{setting}', timeout)
        for setting, value in {
                # Enough for an ICMP error to come back.
                'udp_timeout': 1,
                'udp_timeout_stream': 1,
                # A failed connection must not stand in its successor's way: forget one
                # that is reset, and take any sequence number after an unanswered one.
                'tcp_timeout_close': 0,
                'tcp_be_liberal': 1,
        }.items():
            write_sysctl(f'net.netfilter.nf_conntrack_{setting}', value)

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
            address = take(self._pool, f'address in {self.subnet}')
            node.ip(f'link set {device} up',
                    f'address add {address}/{self.subnet.prefixlen} dev {device}',
                    *default_route(device, self._gateway, self.is_routed))
        else:
            address = self.lab.internet.allocate(ROUTER_SUBNET)
            self.ip(f'route add {address}/32 dev lan')
            self.lab.internet.ip(f'route add {address}/32 via {self.address}')
            _address_routed(node, device, [address], self._gateway)
        addresses6 = []
        if self.subnet6:
            addresses6.append(take(self._pool6, f'address in {self.subnet6}'))
            node.ip(f'address add {addresses6[0]}/{128 if self.is_routed else 64} dev {device}',
                    *default_route(device, self._gateway6, self.is_routed))
        return Link(self, port, node, device, [address], addresses6)

    def disconnect(self, link):
        """Unplug a node from the local network."""
        link.remove()
        if not self.subnet:
            self.ip(f'route del {link.addresses[0]}/32 dev lan')
            self.lab.internet.ip(f'route del {link.addresses[0]}/32')

    def reboot(self, downtime=0.0):
        """Forget every mapping and permission, after ``downtime`` seconds off."""
        if self.port_mapper:
            self.port_mapper.stop()
        self.nft(rulesets.RULESET_OFF)
        self.call(_flush_tracking)
        time.sleep(downtime)
        self.nft(rulesets.ruleset(self))
        if self.port_mapper:
            self.port_mapper.start()


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
