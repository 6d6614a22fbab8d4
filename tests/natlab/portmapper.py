"""A router's own PCP, NAT-PMP and UPnP-IGD: Debian's miniupnpd."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import time
import uuid

from tests.natlab import rulesets
from tests.natlab.commands import LabError, Unsupported

_PROGRAM = 'miniupnpd'
_START_TIME = 30.0          # seconds that it has to start
_PORT = 5000                # of its descriptions and control, by HTTP


@functools.cache
def port_mapping_unavailable_reason():
    """Return why no router can have ``port_mapping`` here, or None if it can."""
    if not shutil.which(_PROGRAM):
        return "port_mapping needs the command miniupnpd (Debian's package miniupnpd-nftables)"
    return None


class PortMapper:
    """The process of one router, and the log of what it does.

    It fills chains beside the router's own: what they let in passes whatever the
    router's filtering is, until the mapping's lifetime ends.
    """

    def __init__(self, router):
        if reason := port_mapping_unavailable_reason():
            raise Unsupported(reason)
        self._router = router
        self._process = None
        self._directory = tempfile.TemporaryDirectory(prefix='natlab-')
        self.log = os.path.join(self._directory.name, 'log')
        router.lab._portmappers.append(self)
        self.start()

    def start(self):
        """Start it, with no mapping."""
        path = os.path.join(self._directory.name, 'config')
        with open(path, 'w') as file:
            file.write(self._configuration())
        with open(self.log, 'w') as log:
            self._process = self._router.popen(
                [_PROGRAM, '-d', '-f', path, '-P', os.path.join(self._directory.name, 'pid')],
                stdout=log, stderr=log)
        self._wait()

    def _configuration(self):
        router = self._router
        protocols = router.options.port_mapping
        return f'''\
ext_ifname=wan
listening_ip=lan
http_port={_PORT}
enable_upnp={_yes(protocols in ('upnp', 'all'))}
enable_natpmp={_yes(protocols in ('pcp', 'all'))}
ipv6_disable={_yes(not router.options.ipv6)}
secure_mode=yes
uuid={uuid.uuid4()}
min_lifetime=1
max_lifetime=86400
upnp_table_name={rulesets.MAPPER_TABLE}
upnp_nat_table_name={rulesets.MAPPER_TABLE}
upnp_forward_chain={rulesets.MAPPER_FORWARD}
upnp_nat_chain={rulesets.MAPPER_NAT}
upnp_nat_postrouting_chain={rulesets.MAPPER_POSTROUTING}
allow 1024-65535 {router.subnet} 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
'''

    def _wait(self):
        """Wait until it says that it listens."""
        ready = ('HTTP listening on port' if self._router.options.port_mapping == 'upnp'
                 else 'Listening for NAT-PMP/PCP traffic')
        deadline = time.monotonic() + _START_TIME
        said = ''
        while ready not in said:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f'miniupnpd did not start: {said[-1000:]}')
            time.sleep(0.02)
            with open(self.log) as log:
                said = log.read()

    def stop(self):
        """End it; the mappings that it made go with the router's rules."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()

    def close(self):
        """Remove its files; the lab ends the process."""
        self._directory.cleanup()


def _yes(condition):
    return 'yes' if condition else 'no'
