"""Every named error of the network's formats and rules, in one table.

A code is what programs compare; its sentence says what is wrong and what to do. Executor results also have a number,
which the state root covers, so numbers are never given a second meaning.

:class:`LedgerError` is what the other side's bytes or requests cause. :class:`LocalError` is a mistake of the program
that calls us (a builder given a rating of 6): nobody else can cause it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Group = Literal["form", "genesis", "pool", "result", "reading", "proof"]


class Code(NamedTuple):
    """A named error: where it arises and one sentence for people."""

    name: str
    group: Group
    sentence: str


class Result(NamedTuple):
    """What the executor made of an operation; ``number`` is stored and covered by the state root."""

    number: int
    code: str
    sentence: str


OK = 0
VERSION_MISMATCH = 1
RECORD_UNKNOWN = 2
RECORD_DELETED = 3
RATING_OWN = 4
RATING_NONE = 5
ACCOUNT_NOT_ADMITTED = 6
ACCOUNT_KNOWN = 7
INVITATION_NOT_USED = 8

RESULTS: tuple[Result, ...] = (
    Result(OK, "ok", "The operation was accepted and has taken effect."),
    Result(
        VERSION_MISMATCH,
        "version_mismatch",
        "The record's version is not the one that if_version names: read the record again and decide anew.",
    ),
    Result(RECORD_UNKNOWN, "record_unknown", "There is no such record: check its address, or put it first."),
    Result(
        RECORD_DELETED,
        "record_deleted",
        "The record is deleted: it takes no new rating and can't be deleted twice; a put revives it.",
    ),
    Result(RATING_OWN, "rating_own", "An account can't rate its own record."),
    Result(RATING_NONE, "rating_none", "There is no rating by this account to withdraw."),
    Result(
        ACCOUNT_NOT_ADMITTED,
        "account_not_admitted",
        "This network admits invited accounts only: have a member invite this account first.",
    ),
    Result(ACCOUNT_KNOWN, "account_known", "The invited account is a member already; nothing is left to do."),
    Result(
        INVITATION_NOT_USED,
        "invitation_not_used",
        "This network's admission policy does not use invitations: accounts need none here.",
    ),
)
"""All executor results; the index is the number."""

CODES: tuple[Code, ...] = (
    # The JSON text, in the order in which it is checked.
    Code("json_malformed", "form", "The text is not JSON in UTF-8 without a byte order mark (RFC 8259)."),
    Code("json_too_deep", "form", "Arrays and objects are nested more than 32 deep: flatten the value."),
    Code("json_duplicate_key", "form", "An object names a member twice: keep one of them."),
    Code("json_lone_surrogate", "form", "A string has half of a surrogate pair: write whole characters."),
    Code(
        "json_number",
        "form",
        "A number is not an integer within +-(2^53-1) in plain digits: write other numbers as strings.",
    ),
    # The operation.
    Code("operation_too_large", "form", "The operation's body is larger than this network's genesis allows."),
    Code("type_unknown", "form", "The operation's type is not put, delete, rate, withdraw, invite or appoint."),
    Code("member_unknown", "form", "The object has a member that its type does not know: remove it."),
    Code("member_missing", "form", "The object lacks a member that its type needs: add it."),
    Code("member_type", "form", "A member has the wrong JSON type or is out of its range."),
    Code("network_other", "form", "The operation is for another network: sign it with this network's id."),
    Code("account_invalid", "form", "An account is not 64 lower-case hex digits (an Ed25519 public key)."),
    Code(
        "window_invalid",
        "form",
        "The heights are wrong: from <= expiry <= from + window (the window is set by genesis).",
    ),
    Code("collection_invalid", "form", "A collection is 1 to 64 characters of a-z, 0-9, '.', '_' and '-'."),
    Code(
        "key_invalid",
        "form",
        "A key is 1 to 256 bytes of UTF-8 without '/' and control characters (category Cc).",
    ),
    Code("data_too_large", "form", "The data is larger than 65536 bytes as written: split it."),
    Code("ref_invalid", "form", "The ref is not a record's address, account/collection/key."),
    Code("record_invalid", "form", "The record is not an address, account/collection/key."),
    Code("stars_invalid", "form", "The stars are not a whole number from 1 to 5."),
    Code("validators_invalid", "form", "The validators are not a list of 1 to 1000 distinct accounts."),
    Code(
        "approvals_invalid",
        "form",
        "The approvals are not a list of 1 to 1000 objects with validator and signature, in ascending order.",
    ),
    Code(
        "admission_work",
        "form",
        "SHA-256 of the account lacks the leading zero bits that genesis asks for: generate another key.",
    ),
    Code("signature_invalid", "form", "The signature is not this account's Ed25519 signature over tag and body."),
    # Approvals, by the validators of the epoch that the operation ends.
    Code("appoint_validator", "form", "An approval names a validator that the epoch does not have."),
    Code("appoint_quorum", "form", "Fewer validators than a quorum approve: let more of them approve."),
    Code("appoint_signature", "form", "An approval is not the validator's signature of these validators."),
    # Bytes that nodes and provers send.
    Code("header_malformed", "form", "A block header is not 236 bytes of the documented layout."),
    Code("block_operations", "form", "The block's operation ids are not those that its header names."),
    Code("block_validators", "form", "The validators that the block appoints are not those that its header names."),
    Code(
        "block_appoint",
        "form",
        "An operation that appoints validators is alone in its block, whose header names exactly those.",
    ),
    Code("vote_malformed", "form", "A vote is not 115 bytes of the documented layout."),
    Code("certificate_malformed", "form", "A certificate's bytes are not of the documented layout."),
    Code("finality_malformed", "form", "A finality proof's bytes are not of the documented layout."),
    Code("receipt_malformed", "form", "A receipt's bytes are not of the documented layout."),
    Code("answer_malformed", "form", "A signed answer's bytes are not of the documented layout."),
    Code("evidence_malformed", "form", "The evidence's bytes are not of the documented layout, or not in its order."),
    Code("evidence_too_large", "form", "The evidence has more than 65536 bytes: take a shorter proof of finality."),
    Code(
        "stun_data_malformed",
        "form",
        "STUN data's bytes are not of the documented layout, or one of its addresses is not public.",
    ),
    Code("stun_data_too_large", "form", "STUN data has more than 4096 bytes with its signature: name fewer endpoints."),
    Code("node_malformed", "form", "A trie node's or state's bytes are not of the documented layout."),
    Code("row_malformed", "form", "A table row's bytes are not of the documented layout."),
    Code("key_file_malformed", "form", "A key's text is not 64 lower-case hex digits and a newline."),
    # The genesis.
    Code("genesis_format", "genesis", "The genesis is of an unknown format: this software knows format 1."),
    Code("genesis_member", "genesis", "A member of the genesis is unknown, missing or of the wrong type."),
    Code("genesis_name", "genesis", "The network's name is not 1 to 64 bytes without control characters."),
    Code("genesis_time", "genesis", "The genesis time is not a count of milliseconds from 0 to 2^53-1."),
    Code("genesis_validators", "genesis", "The validators are not 1 to 1000 distinct accounts."),
    Code("genesis_parameter", "genesis", "A parameter of the genesis is outside its documented bounds."),
    Code("genesis_admission", "genesis", "The admission policy is not one of open, invited and work."),
    # Admission to the pool.
    Code("operation_future", "pool", "The operation is not valid yet at this height: submit it later."),
    Code("operation_expired", "pool", "The operation's expiry has passed: sign it again with new heights."),
    Code(
        "appoint_epoch",
        "pool",
        "The appointment ends another epoch than the present one: propose it again, and have it approved anew.",
    ),
    Code("node_stopping", "pool", "The node is stopping: ask another node, or this one again later."),
    Code("pool_full", "pool", "This node holds as many waiting operations as it can: try again later."),
    Code("evidence_waiting", "pool", "This node is verifying as much evidence as it takes at once: try again later."),
    # Reading.
    Code(
        "query_too_broad",
        "reading",
        "Too many rows would have to be looked through: filter further, or ask for fewer.",
    ),
    Code("height_pruned", "reading", "This height is older than what this node keeps: ask for a recent one."),
    Code("height_future", "reading", "This height is not reached yet: wait for it."),
    Code("record_unknown", "reading", "There is no such record at this height: check its address."),
    Code("not_provable", "reading", "No final header carries this height's root yet: ask again after a block."),
    # What a light client finds wrong; any of these means that the answering node is faulty or lies.
    Code("header_network", "proof", "The header belongs to another network."),
    Code("header_epoch", "proof", "The header or certificate belongs to an epoch with other validators."),
    Code("header_discarded", "proof", "The header is of a height that its epoch has not: it is not of the chain."),
    Code("epoch_goes_on", "proof", "The header appoints no validators, so it ends no epoch."),
    Code("certificate_kind", "proof", "The certificate does not finalize: it is for a notarization or skip."),
    Code("certificate_block", "proof", "The certificate is for another block than the header or its last descendant."),
    Code("finality_chain", "proof", "A header in the finality proof is not the child of the one before it."),
    Code("certificate_validator", "proof", "The certificate names a validator that does not exist."),
    Code("certificate_quorum", "proof", "The certificate has fewer signatures than a quorum."),
    Code("certificate_signature", "proof", "A signature in the certificate is not the validator's."),
    Code("proof_height", "proof", "The header carries the root of another height than the answer's."),
    Code("proof_root", "proof", "The proof's root is not the one in the header."),
    Code("proof_node_missing", "proof", "A node on the way from the root to the row is missing."),
    Code("proof_node_wrong", "proof", "A node contradicts its parent's entry or lies under a wrong prefix."),
    Code("proof_row_wrong", "proof", "The proven row is not the row of the answer."),
    Code("proof_sums_wrong", "proof", "The proven sums are not those of the answer."),
    Code("receipt_signature", "proof", "The receipt's signature is not that of the node it names."),
    Code("answer_signature", "proof", "The answer's signature is not that of the node it names."),
    Code("answer_other", "proof", "The signed hash is not that of the answer at hand."),
    # STUN data.
    Code("stun_data_network", "proof", "The STUN data is of another network."),
    Code("stun_data_signature", "proof", "The STUN data's signature is not that of the node it describes."),
    Code("stun_data_expired", "proof", "The STUN data has expired: ask for newer data of that node."),
    Code("stun_data_future", "proof", "The STUN data was issued in the future: compare the clocks."),
    # Evidence that shows nothing.
    Code("evidence_network", "proof", "The evidence is of another network."),
    Code("evidence_epoch", "proof", "The evidence is of an epoch whose validators are not known here."),
    Code("evidence_nothing", "proof", "What is signed there contradicts neither itself nor a final header."),
    Code("evidence_signature", "proof", "A vote in the evidence is not signed by the validator that it names."),
)
"""All codes but the executor's (those are in :data:`RESULTS`)."""

_sentences = {result.code: result.sentence for result in RESULTS} | {code.name: code.sentence for code in CODES}


class LedgerError(Exception):
    """Something that another's bytes or request did wrong.

    :ivar code: A name from :data:`CODES` or :data:`RESULTS`.
    :ivar message: One sentence that says what to do; the code's own unless a better one is given.
    """

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = sentence(code) if message is None else message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class LocalError(ValueError):
    """A value of our own that a format can't carry: a programming or input mistake on this side."""


def sentence(code: str) -> str:
    """The documented sentence of a code.

    :raises LocalError: No such code is documented.
    """
    try:
        return _sentences[code]
    except KeyError:
        raise LocalError(f"undocumented error code {code!r}") from None


def result_code(number: int) -> str:
    """The code of an executor result, such as ``ok`` for 0.

    :raises LocalError: No such result exists.
    """
    if not 0 <= number < len(RESULTS):
        raise LocalError(f"unknown executor result {number}")
    return RESULTS[number].code
