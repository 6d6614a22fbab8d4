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
that delays packets has a process for that where the kernel has no netem, and a
router that maps ports on request has Debian's miniupnpd.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref

from tests.natlab.commands import LabError, Unsupported, run, take
from tests.natlab.kinds import (
    ADDRESS_AND_PORT_DEPENDENT,
    ADDRESS_DEPENDENT,
    ENDPOINT_INDEPENDENT,
    KINDS,
    NONE,
    Kind,
    Options,
)
from tests.natlab.namespaces import NETNS_DIRECTORY, Link, Namespace
from tests.natlab.networks import (
    HOST_SUBNET,
    HOST_SUBNET6,
    MAPPER_SUBNET,
    ROUTER_SUBNET,
    ROUTER_SUBNET6,
    Host,
    Internet,
    Router,
)
from tests.natlab.portmapper import port_mapping_unavailable_reason

__all__ = [
    'ADDRESS_AND_PORT_DEPENDENT', 'ADDRESS_DEPENDENT', 'ENDPOINT_INDEPENDENT', 'HOST_SUBNET',
    'HOST_SUBNET6', 'KINDS', 'MAPPER_SUBNET', 'NETNS_DIRECTORY', 'NETNS_PREFIX', 'NONE',
    'ROUTER_SUBNET', 'ROUTER_SUBNET6', 'Host', 'Internet', 'Kind', 'Lab', 'LabError', 'Link',
    'Namespace', 'Options', 'Router', 'Unsupported', 'delay_unavailable_reason',
    'port_mapping_unavailable_reason', 'remove_leftovers', 'unavailable_reason',
]

NETNS_PREFIX = 'natlab'
TERMINATION_DELAY = 2.0             # seconds that programs have to end after a signal


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

    def __init__(self, ipv6=False):
        """ipv6: public hosts have IPv6 addresses too, and routers may have."""
        self.ipv6 = ipv6
        self.hosts = {}
        self.nats = {}
        self._prefix = f'{NETNS_PREFIX}-{os.getpid()}-{next(self._serial)}-'
        self._subnets = (f'10.0.{n}.0/24' for n in range(1, 256))
        self._netns = []
        self._processes = []
        self._delayers = []
        self._portmappers = []
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
            for mapper in self._portmappers:
                mapper.close()
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
        run(['ip', 'netns', 'add', netns])
        return netns

    def _next_subnet(self):
        return take(self._subnets, 'private network')

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
                run(['ip', 'netns', 'delete', name])
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
    inbox.settimeout(20)
    start = time.monotonic()
    outbox.sendto(b'probe', (receiver.address, 1))
    _, (source, _) = inbox.recvfrom(16)
    return source, time.monotonic() - start
