"""Delay and loss of a link."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import subprocess
import sys

from tests.natlab import delayprocess
from tests.natlab.commands import LabError, Unsupported, run

_DELAYED_MARK = 0x6e61746c          # on packets that have been delayed
_TAP_QUEUE = 10000                  # frames that can wait to be read

_TUNSETIFF = 0x400454ca             # <linux/if_tun.h>
_TUNSETOFFLOAD = 0x400454d0
_IFF_TAP_NO_PI_VNET_HDR = 0x5002
_TUN_F_CSUM_TSO4_TSO_ECN = 0x000b
_SOL_PACKET = 263                   # <linux/socket.h>
_PACKET_VNET_HDR = 15               # <linux/if_packet.h>


def set_netem(namespace, device, delay_ms):
    """Delay what leaves through a device, by the kernel."""
    tc = ['tc', '-n', namespace.netns, 'qdisc']
    if delay_ms:
        run([*tc, 'replace', 'dev', device, 'root',
             'netem', 'delay', f'{delay_ms}ms', 'limit', '100000'])
    else:
        with contextlib.suppress(LabError):     # there was none
            run([*tc, 'del', 'dev', device, 'root'])


class Delayer:
    """A process that delays the IP packets on a link, in place of netem.

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
                 sys.executable, '-I', '-S', delayprocess.__file__, *map(str, descriptors)],
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
    """Divert the IP packets that leave through a device to a TAP device, or to none."""
    table = f'table netdev natlab_delay_{device}'
    script = f'{table}\ndelete {table}\n'
    if tap:
        script += f'''{table} {{
            chain divert {{
                type filter hook egress device "{device}" priority filter
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
                meta protocol {{ ip, ip6 }} meta mark != {_DELAYED_MARK} fwd to "{tap}"
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


def set_loss(namespace, device, loss_percent):
    """Drop a random share of the IP packets that arrive at a device."""
    table = f'table netdev natlab_{device}'
    script = f'{table}\ndelete {table}\n'
    if loss_percent:
        script += f'''{table} {{
            chain loss {{
                type filter hook ingress device "{device}" priority filter
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
                meta protocol {{ ip, ip6 }} numgen random mod 100000 <= {round(loss_percent * 1000) - 1} drop
            }}
        }}
        '''
    namespace.nft(script)
