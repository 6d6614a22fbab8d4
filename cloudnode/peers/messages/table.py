"""All messages: which answers which, how long each may be, and what it takes of what a peer may send."""

from __future__ import annotations

from cloudnode.formats.evidence import EVIDENCE_BYTES_MAX
from cloudnode.formats.stundata import STUN_DATA_BYTES_MAX
from cloudnode.peers.messages.blocks import (
    Blocks,
    Bodies,
    Epochs,
    GetBlocks,
    GetEpochs,
    GetOperations,
    Have,
    Holds,
    NewBlock,
    Offer,
    Operations,
    Want,
)
from cloudnode.peers.messages.consensus import Accusation, Consensus, GetProposed, GetSigned, Signed, Standing
from cloudnode.peers.messages.fields import STUN_RECORDS_MAX, Message
from cloudnode.peers.messages.links import (
    Addresses,
    GenesisText,
    GetAddresses,
    GetGenesis,
    Goodbye,
    Hello,
    Ping,
    Pong,
    Proof,
)
from cloudnode.peers.messages.reach import (
    DialBack,
    DialledBack,
    NatProbe,
    NatProbed,
    Punched,
    PunchLocal,
    PunchOrder,
    RelayDeclined,
    RelayInvitation,
    RequestPunch,
    StunRecords,
    StunServer,
)
from cloudnode.peers.messages.state import GetNodes, GetState, Nodes, State

AnyMessage = (
    Hello | Proof | Goodbye | Ping | Pong | GetGenesis | GenesisText | GetAddresses | Addresses | GetBlocks | Blocks
    | GetOperations | Operations | NewBlock | Offer | Want | Bodies | Have | Consensus | Standing | GetNodes | Nodes
    | GetState | State | GetEpochs | Epochs | GetProposed | GetSigned | Signed | Accusation | Holds
    | StunServer | StunRecords | DialBack | DialledBack | NatProbe | NatProbed | RelayInvitation | RelayDeclined
    | PunchLocal | PunchOrder | RequestPunch | Punched
)  # fmt: skip

Answer = (
    GenesisText | Addresses | Blocks | Operations | Nodes | State | Epochs | Signed | DialledBack | NatProbed
    | Punched
)  # fmt: skip
Question = (
    GetGenesis | GetAddresses | GetBlocks | GetOperations | GetNodes | GetState | GetEpochs | GetProposed | GetSigned
    | DialBack | NatProbe | RequestPunch
)  # fmt: skip

ANSWERS: dict[type[Question], type[Answer]] = {
    GetGenesis: GenesisText,
    GetAddresses: Addresses,
    GetBlocks: Blocks,
    GetOperations: Operations,
    GetNodes: Nodes,
    GetState: State,
    GetEpochs: Epochs,
    GetProposed: Operations,
    GetSigned: Signed,
    DialBack: DialledBack,
    NatProbe: NatProbed,
    RequestPunch: Punched,
}

_K = 1024
_LIMITS: dict[type[Message], int] = {
    Hello: 4 * _K, Proof: 128, Goodbye: 512, Ping: 16, Pong: 16, GetGenesis: 16, GenesisText: _K * _K + 16,
    GetAddresses: 16, Addresses: 64 * _K, GetBlocks: 32, Blocks: 4 * _K * _K, GetOperations: 8 * _K,
    Operations: 4 * _K * _K, NewBlock: 3 * _K * _K, Offer: 65 * _K, Want: 33 * _K, Bodies: 4 * _K * _K, Have: 64,
    GetNodes: 9 * _K, Nodes: 66 * _K, GetState: 9 * _K, State: 4 * _K * _K,
    GetEpochs: 32, Epochs: 2 * _K * _K, Holds: 16,
    Consensus: 3 * _K * _K + 16, Standing: 40 * _K, GetProposed: 64,
    GetSigned: 32, Signed: 2 * _K, Accusation: EVIDENCE_BYTES_MAX + 16,
    StunServer: 128, StunRecords: STUN_RECORDS_MAX * (STUN_DATA_BYTES_MAX + 8), DialBack: 256, DialledBack: 128,
    NatProbe: 64, NatProbed: 128,
    RelayInvitation: 128, RelayDeclined: 512,
    PunchLocal: 768, PunchOrder: 2 * _K, RequestPunch: _K, Punched: 2 * _K,
}  # fmt: skip

LIMITS: dict[int, int] = {int(str(kind.__struct_config__.tag)): size for kind, size in _LIMITS.items()}
"""The most bytes of a message, by the number of its type."""

COSTS: dict[type[Message], int] = {
    GetAddresses: 200, GetGenesis: 200, GetBlocks: 50, GetOperations: 50, Ping: 20, GetNodes: 20, GetState: 30,
    GetEpochs: 50, NewBlock: 2, Offer: 2, Want: 2, Bodies: 2, Consensus: 4, Standing: 20, GetProposed: 50,
    GetSigned: 50, Accusation: 60, StunServer: 20, StunRecords: 200, DialBack: 200, NatProbe: 100,
    RelayInvitation: 30, RelayDeclined: 5,
    PunchLocal: 20, PunchOrder: 50, RequestPunch: 100,
}  # fmt: skip
"""What a message takes of what a peer may send unasked (see :class:`cloudnode.peers.link.Allowance`); else 1."""
