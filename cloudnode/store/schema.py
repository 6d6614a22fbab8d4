"""The tables. One SQLite file holds everything that a node knows of its network; one transaction a block, or a run.

Theory of operation. A *position* is a place in the log as one integer (:mod:`cloudnode.ledger.positions`); it is the
same on every node, grows with time, and serves as row id: a record's version is known by the position of the operation
that made it, and a record by the position of its first version (``created``).

A row holds from the height of its position on. When a block replaces or removes it, it moves to the table of the
same name with ``_old``, where ``until`` is the height of that block; the ledger at a height *h* is thus the rows
with ``position < h + 1 << 20``, of the present table, or of the old one where ``until > h``. Old rows are pruned
once no height that can be asked for needs them.

The tables of the state are bound by the state root. ``scores`` and ``totals`` are sums that follow from them, which
an audit does again. Rows of the tables that nothing else vouches for carry a CRC-32 of themselves in ``check``.
"""

from __future__ import annotations

SCHEMA_VERSION = 2

SCORE_COLUMNS = "created, since, hash, account, collection, ref, live, sum, count, rank"

RECORD_COLUMNS = "position, hash, value, live, account, collection, key, ref, version, created, time, data"

_RECORD_TABLE = """
    position INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    value BLOB NOT NULL,
    live INTEGER NOT NULL,
    account BLOB NOT NULL,
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    ref TEXT,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    time INTEGER NOT NULL,
    data BLOB NOT NULL
"""

_SCORE_TABLE = """
    created INTEGER NOT NULL,
    since INTEGER NOT NULL,
    hash BLOB NOT NULL,
    account BLOB NOT NULL,
    collection TEXT NOT NULL,
    ref TEXT,
    live INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    count INTEGER NOT NULL,
    rank INTEGER NOT NULL
"""

RECORD_TEXTS = """record_texts AS
    SELECT position, record_text(data) AS text FROM records WHERE live
    UNION ALL SELECT position, record_text(data) FROM records_old WHERE live"""
"""Of all records, present and old, under their positions: a view without its ``CREATE``."""

WORDS = """words USING fts5 (
    text, content='record_texts', content_rowid='position', columnsize=0, detail=none
)"""
"""The index of the words in them: a virtual table without its ``CREATE``."""

WORDS_TABLES = ("words_data", "words_idx", "words_config")
"""Where FTS5 keeps it."""

SCHEMA = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL, "check" INTEGER NOT NULL) WITHOUT ROWID;

-- The log.
CREATE TABLE blocks (
    height INTEGER PRIMARY KEY, hash BLOB NOT NULL, header BLOB NOT NULL, finality BLOB NOT NULL,
    ids BLOB NOT NULL, validators BLOB NOT NULL, root_height INTEGER NOT NULL, "check" INTEGER NOT NULL
);
CREATE INDEX blocks_root_height ON blocks (root_height);
CREATE TABLE operations (
    position INTEGER PRIMARY KEY, id BLOB NOT NULL, body BLOB NOT NULL, signature BLOB NOT NULL,
    result INTEGER NOT NULL, "check" INTEGER NOT NULL
);

-- The last block of each epoch that is over, with the validators that it appointed. Kept for ever: from the genesis on
-- this is how anybody learns who decides now.
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY, last_height INTEGER NOT NULL, hash BLOB NOT NULL, header BLOB NOT NULL,
    finality BLOB NOT NULL, validators BLOB NOT NULL, "check" INTEGER NOT NULL
);

-- The state root of each recent height, and its preimage.
CREATE TABLE states (
    height INTEGER PRIMARY KEY, root BLOB NOT NULL, preimage BLOB NOT NULL, "check" INTEGER NOT NULL
);

-- Table 0 of the state; ``value`` is the digest and the live flag as the trie binds them.
CREATE TABLE records ({_RECORD_TABLE});
CREATE UNIQUE INDEX records_hash ON records (hash, value);
CREATE INDEX records_collection ON records (collection) WHERE live;
CREATE INDEX records_account ON records (account) WHERE live;
CREATE INDEX records_account_collection ON records (account, collection) WHERE live;
CREATE INDEX records_ref ON records (ref) WHERE live AND ref IS NOT NULL;
CREATE TABLE records_old ({_RECORD_TABLE}, until INTEGER NOT NULL, "check" INTEGER NOT NULL);
CREATE INDEX records_old_hash ON records_old (hash, until);
CREATE INDEX records_old_until ON records_old (until);
CREATE INDEX records_old_collection ON records_old (collection) WHERE live;
CREATE INDEX records_old_account ON records_old (account, collection) WHERE live;
CREATE INDEX records_old_ref ON records_old (ref) WHERE live AND ref IS NOT NULL;

-- Table 1: stars u8, height u64, index u32 in ``value``. A position is where the rating came from.
CREATE TABLE ratings (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX ratings_rater ON ratings (substr(key, 33), substr(value, 2));
CREATE TABLE ratings_old (
    key BLOB NOT NULL, until INTEGER NOT NULL, value BLOB NOT NULL, "check" INTEGER NOT NULL,
    PRIMARY KEY (key, until)
) WITHOUT ROWID;
CREATE INDEX ratings_old_until ON ratings_old (until);
CREATE INDEX ratings_old_rater ON ratings_old (substr(key, 33), substr(value, 2));

-- Table 2: expiry u64 and id; rows stay for a while after their expiry, for reads at recent heights.
CREATE TABLE window (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- Table 3: account 32, inviter 32, height u64, index u32. Never removed.
CREATE TABLE accounts (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- Table 4: the hash of each value; the values themselves by name.
CREATE TABLE system (
    key BLOB PRIMARY KEY, value BLOB NOT NULL, name TEXT NOT NULL, content BLOB NOT NULL, since INTEGER NOT NULL,
    "check" INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE system_old (
    key BLOB NOT NULL, until INTEGER NOT NULL, value BLOB NOT NULL, name TEXT NOT NULL, content BLOB NOT NULL,
    since INTEGER NOT NULL, "check" INTEGER NOT NULL, PRIMARY KEY (key, until)
) WITHOUT ROWID;

-- Inner nodes of the sum trie, under the table's digit and the slot's.
CREATE TABLE trie (
    slot TEXT PRIMARY KEY, since INTEGER NOT NULL, node BLOB NOT NULL, "check" INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE trie_old (
    slot TEXT NOT NULL, until INTEGER NOT NULL, since INTEGER NOT NULL, node BLOB NOT NULL,
    "check" INTEGER NOT NULL
);
CREATE UNIQUE INDEX trie_old_slot ON trie_old (slot, until);
CREATE INDEX trie_old_until ON trie_old (until);

-- Sums that follow from the state: of each record's ratings, and of what each account did.
CREATE TABLE scores ({_SCORE_TABLE}, "check" INTEGER NOT NULL, PRIMARY KEY (created)) WITHOUT ROWID;
CREATE INDEX scores_collection ON scores (collection, rank, created) WHERE live;
CREATE INDEX scores_account ON scores (account, rank, created) WHERE live;
CREATE INDEX scores_ref ON scores (ref, rank, created) WHERE live AND ref IS NOT NULL;
CREATE TABLE scores_old (
    {_SCORE_TABLE}, until INTEGER NOT NULL, "check" INTEGER NOT NULL, PRIMARY KEY (until, created)
) WITHOUT ROWID;
CREATE INDEX scores_old_created ON scores_old (created, until);

CREATE TABLE totals (
    key BLOB PRIMARY KEY, since INTEGER NOT NULL, records INTEGER NOT NULL, ratings INTEGER NOT NULL,
    stars INTEGER NOT NULL, "check" INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE totals_old (
    key BLOB NOT NULL, until INTEGER NOT NULL, since INTEGER NOT NULL, records INTEGER NOT NULL,
    ratings INTEGER NOT NULL, stars INTEGER NOT NULL, "check" INTEGER NOT NULL, PRIMARY KEY (key, until)
) WITHOUT ROWID;
CREATE INDEX totals_old_until ON totals_old (until);

CREATE VIEW {RECORD_TEXTS};
CREATE VIRTUAL TABLE {WORDS};
"""
