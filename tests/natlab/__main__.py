"""The command line of the laboratory."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from tests.natlab.natlab import KINDS, Lab, delay_unavailable_reason, remove_leftovers, unavailable_reason


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
    parser = argparse.ArgumentParser(prog='tests.natlab', description='A NAT laboratory in network namespaces.')
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
