"""Network namespaces, and the cables between them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import dataclasses
import os
import socket
import subprocess

from tests.natlab.commands import LabError, run, write_sysctl
from tests.natlab.impairing import Delayer, set_loss, set_netem

NETNS_DIRECTORY = '/run/netns'

_CLONE_NEWNET = 0x40000000          # <linux/sched.h>
_LIBC = ctypes.CDLL(None, use_errno=True)


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
        write_sysctl('net.ipv4.ip_forward', int(self.forwards))
        for scope in ('all', 'default'):
            write_sysctl(f'net.ipv4.conf.{scope}.rp_filter', 0)
            write_sysctl(f'net.ipv4.conf.{scope}.send_redirects', 0)
        # These are absent in kernels without IPv6 or bridge filtering.
        with contextlib.suppress(FileNotFoundError):
            write_sysctl('net.ipv6.conf.default.disable_ipv6', int(not self.lab.ipv6))
        if self.lab.ipv6:
            write_sysctl('net.ipv6.conf.all.forwarding', int(self.forwards))
            for scope in ('all', 'default'):
                # Addresses are given by the lab, and usable at once.
                write_sysctl(f'net.ipv6.conf.{scope}.accept_ra', 0)
                write_sysctl(f'net.ipv6.conf.{scope}.accept_dad', 0)
                write_sysctl(f'net.ipv6.conf.{scope}.keep_addr_on_down', 1)
        with contextlib.suppress(FileNotFoundError):
            write_sysctl('net.bridge.bridge-nf-call-iptables', 0)

    def ip(self, *commands):
        """Run ``ip`` subcommands in this namespace."""
        run(['ip', '-n', self.netns, '-batch', '-'], '\n'.join(commands) + '\n')

    def nft(self, script):
        """Run an nft script in this namespace."""
        run(self.command(['nft', '-f', '-']), script)

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
    addresses6: list = dataclasses.field(default_factory=list)
    _delayer: Delayer | None = dataclasses.field(default=None, init=False, repr=False)

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
                set_netem(*end, delay_ms)
        except LabError:                        # no tc, or no netem in this kernel
            held_ms = delay_ms
        if not held_ms:
            self._end_delayer()
        elif self._delayer:
            self._delayer.set(held_ms)
        else:
            self._delayer = Delayer(self._ends, held_ms)
        for end in self._ends:
            set_loss(*end, loss_percent)

    def _end_delayer(self):
        if self._delayer:
            self._delayer.end()
            self._delayer = None

    def unplug(self):
        """Pull the cable: nothing passes, and the node sees that it has no network."""
        self.node.ip(f'link set {self.node_device} down')

    def plug_in(self):
        """Put it back: the node has the same addresses and routes as before."""
        network, device = self.network, self.node_device
        self.node.ip(f'link set {device} up',
                     *default_route(device, network._gateway, network.is_routed))
        if self.addresses6:
            self.node.ip(*default_route(device, network._gateway6, network.is_routed))

    def remove(self):
        """Unplug both ends."""
        self._end_delayer()
        for end in self._ends:
            set_loss(*end, 0)      # it would come back with a device of the same name
        self.node.ip(f'link del {self.node_device}')


def default_route(device, gateway, is_routed):
    """Return the ``ip`` commands for the way to everywhere.

    is_routed: the node is alone with its gateway on the link, in no common network.
    """
    whole, everything = (128, '::/0') if ':' in gateway else (32, '0.0.0.0/0')
    commands = [f'route add {gateway}/{whole} dev {device}'] if is_routed else []
    return [*commands, f'route add {everything} via {gateway} dev {device}']
