"""The messages of links between nodes, and the frames in which they travel (``docs/peers.md``).

A message is a MessagePack array whose first element is the number of its type. A frame is one or more messages, each
behind its length. The type stands in the second byte, so that a message's length is judged before it is decoded.

``fields``    what messages are made of: their fields with their bounds
``links``     messages about links themselves and about who is where
``blocks``    messages about final blocks, their operations, those that wait for a block, and the ends of epochs
``state``     messages by which the state at a height is fetched and compared
``consensus`` messages between validators, and those about who said what
``reach``     messages about how nodes are reached from outside (``docs/reach.md``)
``table``     all messages: which answers which, how long each may be, and what it takes of what a peer may send
``frames``    frames: one or more messages, each behind its length, some of them packed
"""

from cloudnode.peers.messages.blocks import Blocks as Blocks
from cloudnode.peers.messages.blocks import Bodies as Bodies
from cloudnode.peers.messages.blocks import Epochs as Epochs
from cloudnode.peers.messages.blocks import GetBlocks as GetBlocks
from cloudnode.peers.messages.blocks import GetEpochs as GetEpochs
from cloudnode.peers.messages.blocks import GetOperations as GetOperations
from cloudnode.peers.messages.blocks import Have as Have
from cloudnode.peers.messages.blocks import Holds as Holds
from cloudnode.peers.messages.blocks import NewBlock as NewBlock
from cloudnode.peers.messages.blocks import Offer as Offer
from cloudnode.peers.messages.blocks import Operations as Operations
from cloudnode.peers.messages.blocks import SentBlock as SentBlock
from cloudnode.peers.messages.blocks import SentEpochEnd as SentEpochEnd
from cloudnode.peers.messages.blocks import SentOperation as SentOperation
from cloudnode.peers.messages.blocks import Span as Span
from cloudnode.peers.messages.blocks import Want as Want
from cloudnode.peers.messages.consensus import Accusation as Accusation
from cloudnode.peers.messages.consensus import Consensus as Consensus
from cloudnode.peers.messages.consensus import GetProposed as GetProposed
from cloudnode.peers.messages.consensus import GetSigned as GetSigned
from cloudnode.peers.messages.consensus import Signed as Signed
from cloudnode.peers.messages.consensus import Standing as Standing
from cloudnode.peers.messages.fields import ADDRESSES_MAX as ADDRESSES_MAX
from cloudnode.peers.messages.fields import ANSWER_BYTES as ANSWER_BYTES
from cloudnode.peers.messages.fields import BLOCKS_MAX as BLOCKS_MAX
from cloudnode.peers.messages.fields import BODIES_MAX as BODIES_MAX
from cloudnode.peers.messages.fields import CHUNK_ROWS_MAX as CHUNK_ROWS_MAX
from cloudnode.peers.messages.fields import EPOCHS_MAX as EPOCHS_MAX
from cloudnode.peers.messages.fields import NO_NETWORK as NO_NETWORK
from cloudnode.peers.messages.fields import OFFERED_MAX as OFFERED_MAX
from cloudnode.peers.messages.fields import SLOTS_MAX as SLOTS_MAX
from cloudnode.peers.messages.fields import SPANS_MAX as SPANS_MAX
from cloudnode.peers.messages.fields import STUN_RECORDS_MAX as STUN_RECORDS_MAX
from cloudnode.peers.messages.fields import VERSIONS as VERSIONS
from cloudnode.peers.messages.fields import Bytes32 as Bytes32
from cloudnode.peers.messages.fields import Bytes64 as Bytes64
from cloudnode.peers.messages.fields import FinalityBytes as FinalityBytes
from cloudnode.peers.messages.fields import Header as Header
from cloudnode.peers.messages.fields import Host as Host
from cloudnode.peers.messages.fields import Ids as Ids
from cloudnode.peers.messages.fields import Message as Message
from cloudnode.peers.messages.fields import Port as Port
from cloudnode.peers.messages.fields import RequestId as RequestId
from cloudnode.peers.messages.fields import Unsigned as Unsigned
from cloudnode.peers.messages.fields import Validators as Validators
from cloudnode.peers.messages.frames import BUNDLE_BYTES as BUNDLE_BYTES
from cloudnode.peers.messages.frames import EXPANSION_MAX as EXPANSION_MAX
from cloudnode.peers.messages.frames import FRAME_MESSAGES_MAX as FRAME_MESSAGES_MAX
from cloudnode.peers.messages.frames import PACKED as PACKED
from cloudnode.peers.messages.frames import PACKED_LEAST as PACKED_LEAST
from cloudnode.peers.messages.frames import UNPACKED_MAX as UNPACKED_MAX
from cloudnode.peers.messages.frames import decode_frame as decode_frame
from cloudnode.peers.messages.frames import encode_message as encode_message
from cloudnode.peers.messages.frames import split_ids as split_ids
from cloudnode.peers.messages.frames import take_bundle as take_bundle
from cloudnode.peers.messages.frames import take_fitting as take_fitting
from cloudnode.peers.messages.links import Addresses as Addresses
from cloudnode.peers.messages.links import GenesisText as GenesisText
from cloudnode.peers.messages.links import GetAddresses as GetAddresses
from cloudnode.peers.messages.links import GetGenesis as GetGenesis
from cloudnode.peers.messages.links import Goodbye as Goodbye
from cloudnode.peers.messages.links import Hello as Hello
from cloudnode.peers.messages.links import Interface as Interface
from cloudnode.peers.messages.links import NodeAddress as NodeAddress
from cloudnode.peers.messages.links import Ping as Ping
from cloudnode.peers.messages.links import Pong as Pong
from cloudnode.peers.messages.links import Proof as Proof
from cloudnode.peers.messages.reach import PUNCH_CANDIDATES_MAX as PUNCH_CANDIDATES_MAX
from cloudnode.peers.messages.reach import PUNCH_LOCAL_MAX as PUNCH_LOCAL_MAX
from cloudnode.peers.messages.reach import DialBack as DialBack
from cloudnode.peers.messages.reach import DialledBack as DialledBack
from cloudnode.peers.messages.reach import NatProbe as NatProbe
from cloudnode.peers.messages.reach import NatProbed as NatProbed
from cloudnode.peers.messages.reach import Place as Place
from cloudnode.peers.messages.reach import PunchCandidate as PunchCandidate
from cloudnode.peers.messages.reach import PunchCertificate as PunchCertificate
from cloudnode.peers.messages.reach import Punched as Punched
from cloudnode.peers.messages.reach import PunchLocal as PunchLocal
from cloudnode.peers.messages.reach import PunchMapping as PunchMapping
from cloudnode.peers.messages.reach import PunchOrder as PunchOrder
from cloudnode.peers.messages.reach import PunchSide as PunchSide
from cloudnode.peers.messages.reach import PunchStrategy as PunchStrategy
from cloudnode.peers.messages.reach import PunchTransport as PunchTransport
from cloudnode.peers.messages.reach import PunchUsername as PunchUsername
from cloudnode.peers.messages.reach import RelayDeclined as RelayDeclined
from cloudnode.peers.messages.reach import RelayInvitation as RelayInvitation
from cloudnode.peers.messages.reach import RequestPunch as RequestPunch
from cloudnode.peers.messages.reach import StunRecord as StunRecord
from cloudnode.peers.messages.reach import StunRecords as StunRecords
from cloudnode.peers.messages.reach import StunServer as StunServer
from cloudnode.peers.messages.state import GetNodes as GetNodes
from cloudnode.peers.messages.state import GetState as GetState
from cloudnode.peers.messages.state import Node as Node
from cloudnode.peers.messages.state import Nodes as Nodes
from cloudnode.peers.messages.state import SlotName as SlotName
from cloudnode.peers.messages.state import Slots as Slots
from cloudnode.peers.messages.state import State as State
from cloudnode.peers.messages.table import ANSWERS as ANSWERS
from cloudnode.peers.messages.table import COSTS as COSTS
from cloudnode.peers.messages.table import LIMITS as LIMITS
from cloudnode.peers.messages.table import Answer as Answer
from cloudnode.peers.messages.table import AnyMessage as AnyMessage
from cloudnode.peers.messages.table import Question as Question
