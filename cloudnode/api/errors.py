"""Every error that the API answers with: a JSON-RPC number, a name that programs compare, a sentence for people.

The numbers are those of JSON-RPC 2.0 (section 5.1) and those that Pocketnet's tools know; the name, in the answer's
``error.data.code``, tells errors of one number apart. The names of the ledger's own errors are kept as they are
(:mod:`cloudnode.formats.errors`); the API adds those of :data:`NAMED`.
"""

from __future__ import annotations

from typing import Any

from cloudnode.formats.errors import CODES, RESULTS, LedgerError

PARSE = -32700
REQUEST = -32600
METHOD = -32601
PARAMS = -32602
INTERNAL = -32603
LIMIT = -32005
STARTING = -28
REFUSED = -26
PARAMETER = -8
NOT_FOUND = -5

NUMBERS: dict[int, str] = {
    PARSE: "The message is not JSON.",
    REQUEST: "The message is not a JSON-RPC request.",
    METHOD: "There is no such method.",
    PARAMS: "The parameters are not those that the method declares.",
    INTERNAL: "The node failed; its log says why.",
    LIMIT: "A limit of this node is reached.",
    STARTING: "The node can't answer data calls now.",
    REFUSED: "The operation is refused by the ledger's rules.",
    PARAMETER: "A parameter's value can't be used.",
    NOT_FOUND: "What was asked for does not exist.",
}
"""What each number means."""

NAMED: dict[str, tuple[int, str]] = {
    "json_malformed": (PARSE, "The message is not JSON in UTF-8 (RFC 8259)."),
    "json_too_deep": (PARSE, "Arrays and objects are nested too deep: flatten the message."),
    "json_duplicate_key": (REQUEST, "An object names a member twice: keep one of them."),
    "request_invalid": (REQUEST, "A request is an object with method and, if wanted, jsonrpc, id, params and context."),
    "batch_empty": (REQUEST, "A batch has at least one request."),
    "batch_too_long": (REQUEST, "The batch has more requests than this node takes: split it."),
    "message_too_large": (REQUEST, "The message is larger than this node takes: split it."),
    "method_unknown": (METHOD, "There is no such method: rpc.discover lists them."),
    "member_unknown": (PARAMS, "A parameter is unknown to the method: remove it."),
    "member_missing": (PARAMS, "A parameter that the method needs is missing: add it."),
    "member_type": (PARAMS, "A parameter has the wrong type or is out of its range."),
    "internal_error": (INTERNAL, "The node failed to answer; its log says why. Other requests are not affected."),
    "too_many_requests": (LIMIT, "More requests a second came from this address than this node takes: wait."),
    "too_many_outstanding": (LIMIT, "Too many requests of this connection wait for an answer: wait for some."),
    "too_many_subscriptions": (LIMIT, "This connection has as many subscriptions as this node allows: end one."),
    "too_many_connections": (LIMIT, "This address has as many connections as this node allows: close one."),
    "too_many_comparisons": (LIMIT, "This node compares itself with others twice a second at most: wait."),
    "evidence_waiting": (LIMIT, "This node is verifying as much evidence as it takes at once: try again later."),
    "node_overloaded": (LIMIT, "This node buffers as much as it can: try again later, or ask another node."),
    "subscriber_slow": (LIMIT, "The subscriber could not keep up: subscribe again after the cursor given."),
    "punch_over_budget": (LIMIT, "This node coordinates no more punches for you, or for that node, for now: wait."),
    "pool_full": (LIMIT, "This node holds as many waiting operations as it can: try again later."),
    "node_starting": (STARTING, "The node is starting: try again soon, or ask another node."),
    "node_syncing": (STARTING, "The node is fetching the state, rows of total are here: wait, or ask another node."),
    "data_corrupt": (STARTING, "The node found its database damaged and serves no data from it: ask another node."),
    "punch_unlinked": (NOT_FOUND, "This node has no link with that node: ask one that has (getpeerinfo lists links)."),
    "punch_unmapped": (NOT_FOUND, "That node has no address over this transport that this node could tell."),
    "punch_not_offered": (NOT_FOUND, "This node answers no STUN, so it coordinates no punches: ask another one."),
    "path_unknown": (NOT_FOUND, "There is nothing at this path: JSON-RPC is taken by POST at /."),
    "http_method_unknown": (REQUEST, "This path does not take this HTTP method; the Allow header says which it does."),
    "data_diverged": (STARTING, "The node's state is not what the validators signed: ask another node."),
    "data_repairing": (STARTING, "The node repairs its database: try again soon, or ask another node."),
    "node_stopping": (STARTING, "The node is stopping: ask another node."),
    "cancelled": (INTERNAL, "The call was given up."),
    "record_unknown": (NOT_FOUND, "There is no such record at this height: check its address."),
    "account_unknown": (NOT_FOUND, "There is no such account at this height."),
    "block_unknown": (NOT_FOUND, "There is no block of that height yet."),
    "block_pruned": (NOT_FOUND, "This node has blocks from the height blocks_from on: ask another for older ones."),
    "subscription_unknown": (NOT_FOUND, "This connection has no such subscription."),
    "height_not_reached": (PARAMETER, "The height asked for was not reached in time: ask again."),
    "not_final_yet": (
        PARAMETER,
        "The operation is accepted but was not final in time: submit it again to wait on, which changes nothing.",
    ),
    "query_too_broad": (PARAMETER, "Too many rows would have to be looked through: filter further, or ask for fewer."),
    "height_pruned": (PARAMETER, "This height is older than what this node keeps: ask for a recent one."),
    "height_future": (PARAMETER, "This height is not reached yet: wait for it, or use min_height."),
    "cursor_pruned": (PARAMETER, "The log before the start given is pruned: go on from there, or ask another node."),
    "cursor_invalid": (PARAMETER, "The page cursor is not one that this method gave for these parameters."),
    "page_too_long": (PARAMETER, "The limit is greater than this node's page size: ask for fewer items."),
    "not_provable": (PARAMETER, "No final header carries this height's root yet: ask again after a block."),
    "proof_not_offered": (PARAMETER, "There is no proof for this call: leave context.proof out."),
    "signature_not_offered": (PARAMETER, "This method's answers are not signed: leave context.sign out."),
    "height_not_offered": (PARAMETER, "This method does not answer for a chosen height: leave context.at out."),
    "parameters_conflict": (PARAMETER, "The parameters given don't go together: see the method's description."),
    "transport_unsuited": (PARAMETER, "Subscriptions need a connection that stays: use WebSocket or WebTransport."),
    "punch_unobserved": (
        PARAMETER,
        "No STUN Binding request with these credentials came in time: the transport is blocked, or the port wrong.",
    ),
    "punch_hopeless": (PARAMETER, "Both NATs give another port for each remote endpoint: relay in place of it."),
    "punch_conflict": (PARAMETER, "Another punch has this username: make up a new one for each."),
    "account_invalid": (PARAMETER, "An account is 64 lower-case hex digits."),
    "collection_invalid": (PARAMETER, "A collection is 1 to 64 characters of a-z, 0-9, '.', '_' and '-'."),
    "key_invalid": (PARAMETER, "A key is 1 to 256 bytes of UTF-8 without '/' and control characters."),
    "record_invalid": (PARAMETER, "A record's address is account/collection/key."),
}  # fmt: skip
"""The API's own names, with number and sentence. A ledger error outside a submitted operation takes its number here."""

_REFUSALS = {code.name: code.sentence for code in CODES if code.group in ("form", "pool", "proof")} | {
    result.code: result.sentence for result in RESULTS if result.number
}


class ApiError(Exception):
    """An error to be told to the caller.

    :ivar number: JSON-RPC's ``code``. :ivar name: What programs compare. :ivar message: One sentence.
    :ivar data: Further members of ``error.data``, JSON values.
    """

    def __init__(self, name: str, message: str | None = None, *, number: int | None = None, **data: Any) -> None:
        documented_number, sentence = NAMED.get(name, (REFUSED, _REFUSALS.get(name, "")))
        super().__init__(name)
        self.name = name
        self.number = documented_number if number is None else number
        self.message = sentence if message is None else message
        self.data = data


def from_ledger(error: LedgerError) -> ApiError:
    """What to tell for an error that came up in reading."""
    return ApiError(error.code, error.message)


def from_submission(error: LedgerError) -> ApiError:
    """What to tell for an operation that was not taken: :data:`REFUSED`, but for what is this node's alone."""
    of_the_node = {"pool_full": LIMIT, "evidence_waiting": LIMIT, "node_stopping": STARTING}
    return ApiError(error.code, error.message, number=of_the_node.get(error.code, REFUSED))


def sentence(name: str) -> str:
    """The documented sentence of an error's name.

    :raises KeyError: No such error is documented.
    """
    return NAMED[name][1] if name in NAMED else _REFUSALS[name]
