"""The command line: which words and options there are. Kept apart from what they do, so that it loads at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from cloudnode import __version__
from cloudnode.cli import values
from cloudnode.cli.exits import MEANINGS

DEFAULT_URL = "http://127.0.0.1:38081"

_DESCRIPTION = "Talk to a cloudnode: read and write records, rate them, watch them change, check a node."

_EPILOG = """\
examples:
  cloudnode key new
  cloudnode put film 1 '{"title": "Toy Story", "year": 1995}'
  cloudnode list --collection film --best
  cloudnode rate ACCOUNT/film/1 5
  cloudnode --node ws+udp://127.0.0.1:38083 watch ratings
  cloudnode call getdatahash

exit status:
"""

class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of examples, and gives options more room."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


def make_parser() -> argparse.ArgumentParser:
    """The parser of everything. A parsed namespace has ``command``, and the global options only where given."""
    shared = _shared_options()
    statuses = "".join(f"  {int(status):<4} {meaning}\n" for status, meaning in MEANINGS.items())
    parser = argparse.ArgumentParser(
        "cloudnode",
        description=_DESCRIPTION,
        epilog=_EPILOG + statuses,
        formatter_class=_Help,
        parents=[shared],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"cloudnode {__version__}")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True, action=_Subcommands
    )

    def add(name: str, help: str, examples: str = "", description: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=help,
            description=description or f"{help[:1].upper()}{help[1:]}.",
            epilog=f"examples:\n{examples}" if examples else None,
            formatter_class=_Help,
            parents=[shared],
            allow_abbrev=False,
        )

    _key(add, shared)
    _validators(add, shared)
    for declare in (_call, _put, _delete, _get, _list, _search, _rate, _watch, _status, _doctor, _compare):
        declare(add)
    for declare in (_init, _audit, _demo, _completion):
        declare(add)
    return parser


Add = Callable[..., argparse.ArgumentParser]


class _Subcommands(argparse._SubParsersAction):  # type: ignore[type-arg]
    """Nodes may be named before and after the command; argparse would keep the latter alone."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        before = getattr(namespace, "nodes", None)
        super().__call__(parser, namespace, values, option)
        if before is not None and namespace.nodes is not before:
            namespace.nodes = before + namespace.nodes


def _shared_options() -> argparse.ArgumentParser:
    """Options that stand before or after the command. Suppressed defaults keep one from undoing the other."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    group = shared.add_argument_group("options for all commands")
    group.add_argument(
        "--node",
        dest="nodes",
        metavar="URL",
        action="append",
        help="http://, https://, ws://, wss:// or ws+udp:// of a node; several may be named, of which any may fail "
        f"(default: $CLOUDNODE_URL or {DEFAULT_URL})",
    )
    group.add_argument(
        "--verify",
        metavar="HOW",
        help="what answers have to pass: proof, certificate, quorum:K or none (default: $CLOUDNODE_VERIFY or proof)",
    )
    group.add_argument(
        "--network",
        metavar="ID",
        type=values.sha256_hash,
        help="the id of the network that the nodes must be of (default: $CLOUDNODE_NETWORK, or the first node's)",
    )
    group.add_argument(
        "--key",
        metavar="FILE",
        help="the key that signs (default: $CLOUDNODE_KEY or ~/.config/cloudnode/key)",
    )
    group.add_argument("--json", action="store_true", help="write JSON for programs, errors too")
    group.add_argument("--timeout", metavar="SECONDS", type=values.seconds, help="wait so long at most (default: 30)")
    group.add_argument(
        "--cert-hash",
        metavar="HASH",
        type=values.sha256_hash,
        help="SHA-256 of the certificate that the node must show (default: $CLOUDNODE_CERT_HASH)",
    )
    return shared


def _key(add: Add, shared: argparse.ArgumentParser) -> None:
    parser = add(
        "key",
        "make or show the key that signs what you write",
        "  cloudnode key new\n  cloudnode key show\n  cloudnode --key /tmp/other key new\n",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, action=_Subcommands)
    actions_help = {"new": "make a key", "show": "show your account, the public key", "path": "show where the key is"}
    for name, text in actions_help.items():
        action = actions.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}.", parents=[shared])
        if name == "new":
            action.add_argument("--force", action="store_true", help="replace the key that is there, for ever")


def _validators(add: Add, shared: argparse.ArgumentParser) -> None:
    parser = add(
        "validators",
        "see who decides, and let those who do appoint others",
        "  cloudnode validators list\n"
        "  cloudnode validators propose new.json --add KEY --remove KEY\n"
        "  cloudnode validators approve new.json --validator-key /var/lib/cloudnode/validator.key\n"
        "  cloudnode validators submit new.json\n",
        "Show the validators, or change them: propose writes a file, a quorum of the present validators' operators "
        "approve it, and submit sends it to the network.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, action=_Subcommands)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}.", parents=[shared])

    action("list", "show the present validators, checked from the genesis on")
    propose = action("propose", "write a proposal of new validators into a file")
    propose.add_argument("file", metavar="FILE", help="the file to make")
    for option, text in (
        ("--validator", "all new validators, one after the other, in the order of their indexes"),
        ("--add", "a validator to add to the present ones"),
        ("--remove", "one of the present validators to take away"),
    ):
        propose.add_argument(
            option, metavar="KEY", type=values.public_key, action="append", default=[], help=f"{text} (repeat it)"
        )
    approve = action("approve", "sign a proposal with the key of a present validator")
    approve.add_argument("file", metavar="FILE", help="the proposal, to which the approval is added")
    approve.add_argument(
        "--validator-key", metavar="FILE", required=True, help="validator.key of the node's data directory"
    )
    approve.add_argument(
        "--offline", action="store_true", help="ask no node whether the file tells the present validators rightly"
    )
    submit = action("submit", "send a proposal that a quorum approved to the network")
    submit.add_argument("files", metavar="FILE", nargs="+", help="the proposal; of several copies all approvals count")


def _call(add: Add) -> None:
    parser = add(
        "call",
        "call any method of the node's API",
        "  cloudnode call                                  list the methods\n"
        "  cloudnode call getrecord --describe             what a method takes and answers\n"
        "  cloudnode call getblock height=12\n"
        "  cloudnode call listrecords '{\"collection\": \"film\", \"limit\": 3}'\n"
        "  cloudnode call getdatahash --at 120 --proof\n",
        "Call any method of the node's API and print its result.",
    )
    parser.add_argument("method", metavar="METHOD", nargs="?", help="a method's name; none lists them all")
    parser.add_argument(
        "params", metavar="PARAMS", nargs="*", help="name=value words, or one JSON object or array, @FILE, or -"
    )
    parser.add_argument("--describe", action="store_true", help="describe the method instead of calling it")
    asked = parser.add_argument_group("what to ask about the answer (prints result and context)")
    asked.add_argument("--context", action="store_true", help="at which height the answer holds")
    asked.add_argument("--at", metavar="HEIGHT", type=int, help="answer at exactly this height")
    asked.add_argument("--min-height", metavar="HEIGHT", type=int, help="wait until this height is reached")
    asked.add_argument("--proof", action="store_true", help="prove the answer")
    asked.add_argument("--sign", action="store_true", help="have the node sign the answer")


def _wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        choices=("accepted", "final"),
        default="final",
        help="return once the node has taken it, or once it is final for all (default)",
    )


def _put(add: Add) -> None:
    parser = add(
        "put",
        "write a record",
        "  cloudnode put profile self '{\"name\": \"Ada\"}'\n"
        "  cloudnode put post 2024-05-01 @post.json\n"
        "  echo '\"hello\"' | cloudnode put comment 1 - --ref ACCOUNT/post/1\n",
    )
    parser.add_argument("collection", metavar="COLLECTION", help="1 to 64 characters of a-z, 0-9, '.', '_', '-'")
    parser.add_argument("record_key", metavar="KEY", help="1 to 256 bytes without '/'")
    parser.add_argument("data", metavar="DATA", help="JSON, or @FILE, or - for standard input")
    parser.add_argument("--ref", metavar="ADDRESS", help="the record that this one refers to")
    parser.add_argument(
        "--if-version", metavar="N", type=int, help="only if the record's version is N; 0: only if there is none"
    )
    _wait(parser)


def _delete(add: Add) -> None:
    parser = add("delete", "delete a record of yours", "  cloudnode delete post 2024-05-01\n")
    parser.add_argument("collection", metavar="COLLECTION")
    parser.add_argument("record_key", metavar="KEY")
    parser.add_argument("--if-version", metavar="N", type=int, help="only if the record's version is N")
    _wait(parser)


_ADDRESS = "account/collection/key, or collection/key for a record of yours"


def _get(add: Add) -> None:
    parser = add(
        "get", "show a record", "  cloudnode get film/1\n  cloudnode get ACCOUNT/film/1 --data | jq .title\n"
    )
    parser.add_argument("address", metavar="ADDRESS", help=_ADDRESS)
    parser.add_argument("--data", action="store_true", help="print the data alone, byte for byte as it was signed")
    parser.add_argument("--at", metavar="HEIGHT", type=int, help="as it stood at a recent height")


def _list(add: Add) -> None:
    parser = add(
        "list",
        "list records",
        "  cloudnode list --mine\n"
        "  cloudnode list --collection film --best --limit 10\n"
        "  cloudnode list --ref ACCOUNT/post/1\n",
        "List records, the newest first; without a filter those of the whole network.",
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--account", metavar="ACCOUNT", help="records of this account")
    whose.add_argument("--mine", action="store_true", help="records of your own")
    parser.add_argument("--collection", metavar="COLLECTION", help="records of this collection")
    parser.add_argument("--ref", metavar="ADDRESS", help="records that refer to this one")
    parser.add_argument("--best", action="store_true", help="the best rated first")
    _page(parser)


def _search(add: Add) -> None:
    parser = add(
        "search",
        "find records by the words in them",
        "  cloudnode search 'metropolis 1927'\n  cloudnode search metro --collection film\n",
        "List records whose data holds all the words, the newest first; the last word may be begun only.",
    )
    parser.add_argument("text", metavar="WORDS", nargs="+", help="1 to 256 characters")
    parser.add_argument("--collection", metavar="COLLECTION", help="in this collection alone")
    _page(parser)


def _page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", metavar="N", type=values.count, default=50, help="so many at most (default: 50)")
    parser.add_argument("--after", metavar="CURSOR", type=values.page_cursor, help="go on where an earlier page ended")


def _rate(add: Add) -> None:
    parser = add(
        "rate",
        "rate a record of somebody else's",
        "  cloudnode rate ACCOUNT/film/1 5\n  cloudnode rate ACCOUNT/film/1 --withdraw\n",
    )
    parser.add_argument("address", metavar="ADDRESS", help="account/collection/key")
    parser.add_argument("stars", metavar="STARS", type=values.stars, nargs="?", help="a whole number from 1 to 5")
    parser.add_argument("--withdraw", action="store_true", help="take your rating back")
    _wait(parser)


def _watch(add: Add) -> None:
    parser = add(
        "watch",
        "follow records, ratings or blocks as they change",
        "  cloudnode watch ratings --collection film\n"
        "  cloudnode watch records --after 0:0             everything from the beginning on\n"
        "  cloudnode watch blocks --count 1\n"
        "  cloudnode watch ratings --resume >>ratings      go on where the last time ended\n",
        "Follow changes until Ctrl-C. When the node that is watched fails, another one is; nothing is missed or told "
        "twice. Each line begins with its cursor, after which --after goes on.",
    )
    parser.add_argument(
        "topic", metavar="TOPIC", nargs="?", choices=("records", "ratings", "blocks"), default="records",
        help="records (default), ratings or blocks",
    )  # fmt: skip
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--after", metavar="HEIGHT:INDEX", type=values.cursor, help="go on after this cursor")
    start.add_argument(
        "--resume",
        action="store_true",
        help="go on after the last one that --resume showed of the same; the first time from now on",
    )
    parser.add_argument("--count", metavar="N", type=values.count, help="end after so many")
    parser.add_argument("--account", metavar="ACCOUNT", help="of this account's doing")
    parser.add_argument("--collection", metavar="COLLECTION", help="of this collection")
    parser.add_argument("--record", metavar="ADDRESS", help="of this record")
    parser.add_argument("--ref", metavar="ADDRESS", help="records that refer to this one")


def _status(add: Add) -> None:
    add("status", "show how a node is: height, root, sums, audit, interfaces", "  cloudnode status\n")


def _init(add: Add) -> None:
    parser = add(
        "init",
        "prepare a network of several validators",
        "  cloudnode init network --validators 4           four data directories, to be given to four operators\n"
        "  cloudnode init data --keys                      one operator's keys, to be sent to the others\n"
        "  cloudnode init data --validator KEY --validator KEY --validator KEY --validator KEY\n"
        "  cloudnode init data --genesis genesis.json      at the other operators, who got that file\n",
        "Prepare data directories for a network of several validators. A node alone needs no preparation: started on "
        "an empty directory it is a network of one. With --keys and --validator no operator ever sees another's keys.",
    )
    parser.add_argument("directory", metavar="DIRECTORY", help="where to make them, or the one data directory")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--validators", metavar="N", type=values.validator_count, help="make directories for so many validators"
    )
    what.add_argument(
        "--validator",
        metavar="KEY",
        type=values.account,
        action="append",
        help="a validator's key, in the order that all operators agreed on; once for each",
    )
    what.add_argument("--keys", action="store_true", help="make the keys if there are none, and show them")
    what.add_argument("--genesis", metavar="FILE", help="begin with the genesis that another operator made")
    what.add_argument(
        "--new-journal",
        action="store_true",
        help="begin a journal of votes where it is missing, for a key that has never voted in this network",
    )
    rules = parser.add_argument_group("rules of the network, for ever")
    rules.add_argument("--name", default="cloudnode", help="for people (default: cloudnode)")
    rules.add_argument("--pace", dest="pace_ms", metavar="MS", type=int, help="least time between blocks (200)")
    rules.add_argument(
        "--heartbeat", dest="heartbeat_ms", metavar="MS", type=int, help="an idle network's time between blocks (10000)"
    )
    rules.add_argument("--window", metavar="BLOCKS", type=int, help="how long an operation may be valid (1000)")
    rules.add_argument(
        "--operation-bytes", dest="max_operation_bytes", metavar="N", type=int, help="largest operation (131072)"
    )
    rules.add_argument(
        "--block-operations", dest="max_block_operations", metavar="N", type=int, help="most in a block (2000)"
    )
    rules.add_argument(
        "--block-bytes", dest="max_block_bytes", metavar="N", type=int, help="most bytes of a block (4194304)"
    )
    rules.add_argument(
        "--admission",
        metavar="WHO",
        type=values.admission,
        help="open, work:BITS, or invited:ACCOUNT[,ACCOUNT...] (open)",
    )


def _doctor(add: Add) -> None:
    add(
        "doctor",
        "say how a node is reached from outside, why, and what to do",
        "  cloudnode doctor\n  cloudnode doctor --node ws://192.168.1.5:38082\n",
        "Tell in words which of a node's ports other nodes have reached, which ports its NAT keeps for it, of what "
        "kind the NAT is, and what its operator can do. The node finds all this out by itself, with the nodes that it "
        "is linked with.",
    )


def _compare(add: Add) -> None:
    parser = add(
        "compare",
        "see which nodes agree, which are behind, and which lie",
        "  cloudnode compare                               the node with those that it is linked with\n"
        "  cloudnode compare --node ws://a.example --node ws://b.example --network ID\n",
        "Compare what nodes sign of their state with what the validators signed, checked from the genesis on. One node "
        "asks those that it is linked with; of several --node each is asked here. No node is trusted.",
    )
    parser.add_argument("--count", metavar="N", type=values.count, help="ask so many linked nodes (default: 8)")
    parser.add_argument("--id", metavar="NODE", action="append", help="ask this linked node; may be given again")
    parser.add_argument("--height", metavar="HEIGHT", type=int, help="where to compare (default: the newest possible)")


def _audit(add: Add) -> None:
    parser = add(
        "audit",
        "check every row of a stopped node's database",
        "  cloudnode audit ~/.local/share/cloudnode\n",
        "Recompute everything in a data directory from its rows and compare root and sums. The node must not be "
        "running: it does this by itself ('cloudnode status' shows how far it is).",
    )
    parser.add_argument(
        "datadir", metavar="DATADIR", nargs="?", help="the node's data directory (default: ~/.local/share/cloudnode)"
    )


def _script(text: str) -> Any:
    """The demo's script; what reads it is loaded where there is one."""
    from cloudnode.cli.demo.actions import parse_script

    return parse_script(text)


def _demo(add: Add) -> None:
    parser = add(
        "demo",
        "start a whole network on this machine and watch it",
        "  cloudnode demo                                  seven nodes, until q or Ctrl-C\n"
        "  cloudnode demo --nodes 3 --datadir net          keep what the nodes wrote, and go on from there next time\n"
        "  cloudnode demo --for 30 --script '0 write, 5 kill 3, 12 revive 3, 20 stop 2, 25 continue 2' | cat\n\n"
        "keys:\n"
        "  1 to 9   kill that node (SIGKILL), or revive it\n"
        "  s 1      stop node 1 (SIGSTOP), or let it go on (SIGCONT)\n"
        "  w        begin or end a writing load: made-up accounts publish and rate records through all nodes\n"
        "  q        end all nodes and remove what they wrote (Ctrl-C too)\n",
        "Start real nodes on free ports of this machine, each a process of its own, link them, and show what each "
        "holds: the state roots are compared all the time, at the newest height that all serving nodes have. Kill and "
        "revive them, and see them agree again. In a terminal the picture is live; on a pipe there is a line when "
        "something changes, with --json an object each half second. The nodes end with this command, however it ends.",
    )
    parser.add_argument(
        "--nodes", metavar="N", type=values.demo_nodes, default=7, help="how many, from 1 to 9 (default: 7)"
    )
    parser.add_argument(
        "--datadir", metavar="DIR", help="keep the nodes' directories here (default: a temporary one, then removed)"
    )
    parser.add_argument(
        "--for", dest="seconds", metavar="SECONDS", type=values.seconds, help="end so long after all nodes serve"
    )
    parser.add_argument(
        "--script",
        metavar="STEPS",
        type=_script,
        help="'SECONDS kill|revive|stop|continue NODE' or 'SECONDS write|quit', with commas between, or @FILE; "
        "counted from when all nodes serve",
    )


def _completion(add: Add) -> None:
    parser = add(
        "completion",
        "print a script that completes this command in your shell",
        "  cloudnode completion bash > ~/.local/share/bash-completion/completions/cloudnode\n"
        "  cloudnode completion zsh > ~/.zfunc/_cloudnode\n"
        "  cloudnode completion fish > ~/.config/fish/completions/cloudnode.fish\n",
    )
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")
