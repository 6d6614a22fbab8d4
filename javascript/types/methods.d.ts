// The methods of the API and their types, made from the node's method table: `make docs`.

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The methods by name: their parameters by name, and their results. */
export interface Methods {
  /** Tell of this node: version, newest block, interfaces, limits, the state of its ledger and its audit. */
  getnodeinfo: {
    params: Record<string, never>;
    result: NodeInfo;
  };
  /** List the connected peers. */
  getpeerinfo: {
    params: Record<string, never>;
    result: PeerInfo[];
  };
  /** Tell how this node, and all nodes whose STUN data it knows, are reached from outside. */
  getstuninfo: {
    params: {
      /** Tell of this node alone. */
      node?: string | null;
    };
    result: StunInfo;
  };
  /** Bring the caller and a linked node behind a NAT together: see docs/reach.md for what both do then. */
  requestpunch: {
    params: {
      /** The node that is to be reached. */
      node: string;
      /** Made up for this punch: the Binding request's USERNAME. */
      username: string;
      /** Made up for this punch: the key of its MESSAGE-INTEGRITY-SHA256. */
      key: string;
      /** Of the path that is wanted. Default: "udp". */
      transport?: "tcp" | "udp";
      /**
       * direct: both send at once; opener: first packets that end on the way; spread: many ports. Default: "direct".
       */
      strategy?: "direct" | "opener" | "spread";
      /** Private endpoints of the socket, told behind the same NAT alone. Default: []. */
      local?: PunchEndpoint[];
      /** Whether the caller's NAT maps by the remote endpoint, as far as it knows. Default: "unknown". */
      mapping?: "dependent" | "independent" | "unknown";
    };
    result: PunchGranted;
  };
  /** Tell this node's time. */
  gettime: {
    params: Record<string, never>;
    result: Time;
  };
  /** Answer "pong". */
  ping: {
    params: Record<string, never>;
    result: string;
  };
  /** Describe all methods as an OpenRPC document. */
  "rpc.discover": {
    params: Record<string, never>;
    result: { [name: string]: Json };
  };
  /** Submit a signed operation. Submitting it again, here or elsewhere, changes nothing more. */
  submit: {
    params: {
      /** The operation's JSON text exactly as it was signed. */
      operation: string;
      /** 64 bytes, lower-case hex. */
      signature: string;
      /** What to wait for. Default: "accepted". */
      wait?: "accepted" | "final";
    };
    result: Submitted;
  };
  /** Answer one record, or its tombstone. */
  getrecord: {
    params: {
      /** An account: an Ed25519 public key, 64 lower-case hex digits. */
      account: string;
      /** A record's collection. */
      collection: string;
      /** A record's key: 1 to 256 bytes of UTF-8 without '/' and control characters. */
      key: string;
    };
    result: RecordAnswer;
  };
  /** List live records of an account, of a collection, or that refer to a record: newest or best rated first. */
  listrecords: {
    params: {
      /** Records of this account. */
      account?: string | null;
      /** Of this collection. */
      collection?: string | null;
      /** That refer to the record at this address. */
      ref?: string | null;
      /** By last change, or by rating. Default: "newest". */
      order?: "best" | "newest";
      /** The page before's `next`. */
      after?: number[] | null;
      /** The most items to answer with. Default: 50. */
      limit?: number;
    };
    result: RecordPage;
  };
  /** List the ratings of a record, those by an account, or the one of a record by an account. */
  getratings: {
    params: {
      /** Ratings of the record at this address. */
      record?: string | null;
      /** By this account; with `record` its one rating of it. */
      account?: string | null;
      /** The page before's next: an account for a record's ratings, a cursor for an account's. */
      after?: string | LogCursor | null;
      /** The most items to answer with. Default: 50. */
      limit?: number;
    };
    result: RatingPage;
  };
  /** Answer what is known of an account. */
  getaccount: {
    params: {
      /** An account: an Ed25519 public key, 64 lower-case hex digits. */
      account: string;
    };
    result: AccountAnswer;
  };
  /** List live records whose data holds all the words of a text, newest first. */
  search: {
    params: {
      /** Words; the last one may be begun only. */
      text: string;
      /** In this collection alone. */
      collection?: string | null;
      /** The page before's next. */
      after?: LogCursor | null;
      /** The most items to answer with. Default: 50. */
      limit?: number;
    };
    result: FoundPage;
  };
  /** Answer the hash of all data at a height, with the sum and number of all ratings, of records and of accounts. */
  getdatahash: {
    params: Record<string, never>;
    result: DataHashAnswer;
  };
  /**
   * Prove a record, a record's ratings, a rating, an account, an operation's result, or the state itself; or that it
   * does not exist.
   */
  getproof: {
    params: {
      /**
       * What to prove: record or ratings (give record), rating (record and account), account (account), operation (id
       * and expiry), datahash (nothing).
       */
      of: "account" | "datahash" | "operation" | "rating" | "ratings" | "record";
      /** The record's address. */
      record?: string | null;
      /** The account, or who rated. */
      account?: string | null;
      /** The operation's id. */
      id?: string | null;
      /** The last height at which the operation is valid. */
      expiry?: number | null;
    };
    result: ProofAnswer;
  };
  /** Answer a block's header. */
  getheader: {
    params: {
      /** A block's height. */
      height: number;
    };
    result: HeaderAnswer;
  };
  /** Answer a block with its operations, in pages. */
  getblock: {
    params: {
      /** A block's height. */
      height: number;
      /** The page before's next. */
      after?: number | null;
      /** The most items to answer with. Default: 50. */
      limit?: number;
    };
    result: BlockAnswer;
  };
  /** List the newest blocks, the newest first. */
  getlastblocks: {
    params: {
      /** The most items to answer with. Default: 10. */
      limit?: number;
      /** Only blocks below this height. */
      before?: number | null;
    };
    result: BlockSummary[];
  };
  /** Answer the certificate that makes a block final. */
  getcertificate: {
    params: {
      /** A block's height. */
      height: number;
    };
    result: CertificateAnswer;
  };
  /** List the sets of validators and how each was replaced: from the genesis on, this proves who decides now. */
  getepochs: {
    params: {
      /** The page before's next. */
      after?: number | null;
      /** The most items to answer with. Default: 50. */
      limit?: number;
    };
    result: EpochsAnswer;
  };
  /** Answer the network's genesis. */
  getgenesis: {
    params: Record<string, never>;
    result: GenesisAnswer;
  };
  /**
   * Compare this node's state and that of nodes linked with it with what the validators signed: who agrees, who is
   * behind, who lies. The answers are signed, so nobody need trust this node.
   */
  compare: {
    params: {
      /** How many linked nodes to ask. Default: 8. */
      count?: number;
      /** Ask these linked nodes, in place of `count` that are chosen. */
      nodes?: string[] | null;
      /** Where to compare; by default the newest height that all can answer at. */
      height?: number | null;
    };
    result: Comparison;
  };
  /** List evidence against validators and nodes, which anyone can verify from the genesis. */
  getevidence: {
    params: {
      /** The page before's next. Default: 0. */
      after?: number;
      /** The most items to answer with. Default: 50. */
      limit?: number;
    };
    result: EvidencePage;
  };
  /** Give this node evidence: it verifies it, keeps it, and passes it on. */
  submitevidence: {
    params: {
      /** The exact bytes, lower-case hex (docs/protocol.md, chapter 17). */
      evidence: string;
    };
    result: SubmittedEvidence;
  };
  /** Be told of records, ratings, blocks or peers as they change, from any cursor on, without gap or repetition. */
  subscribe: {
    params: {
      /** What to be told of. */
      topic: "blocks" | "peers" | "ratings" | "records";
      /**
       * What of it; all of it if left out. Default: {"account": null, "collection": null, "ref": null, "record": null}.
       */
      filter?: Filter;
      /** Go on after this cursor, of whichever node; from now on where it is left out. */
      after?: LogCursor | null;
    };
    result: Subscribed;
  };
  /** End a subscription of this connection. */
  unsubscribe: {
    params: {
      /** Its id, as `subscribe` answered it. */
      subscription: string;
    };
    result: Unsubscribed;
  };
}

/** What subscribers are told, by topic. */
export interface Items {
  records: RecordItem;
  ratings: RatingItem;
  blocks: BlockItem;
}

/** An account: the operation that made it known, who invited it, and what it has in force. */
export interface AccountAnswer {
  /** An account: an Ed25519 public key, 64 lower-case hex digits. */
  account: string;
  first: Cursor;
  /** Who invited it; null where nobody has to be. */
  inviter: string | null;
  /** How many records of it there are. */
  records: number;
  /** How many ratings of it are in force. */
  ratings_given: number;
  /** Of the stars in these. */
  ratings_sum: number;
}

/** What the node knows of its own database; `findings` name what is wrong with it. */
export interface Audit {
  /** never, running, ok or corrupt. */
  state: "corrupt" | "never" | "ok" | "running";
  /** At which the last audit found all sound; null if none has. */
  height: number | null;
  /** When that was, in seconds since 1970. */
  finished: number | null;
  /** How many rows that audit checked. */
  rows: number;
  /** Of the audit under way, from 0 to 1. */
  progress: number;
  /** What is wrong, in words. */
  findings: string[];
}

/** Whom a node takes no link from for now. */
export interface BannedPeer {
  /** A node's key, an IPv4 address or an IPv6 /64 network; of an address, nodes that are known are taken. */
  whom: string;
  /** What for, by name. */
  fault: string;
  /** How often it was banned. */
  count: number;
  /** Unix time, in seconds. */
  until: number;
}

/** A final block. `next` is the `after` of the next page of operations, null at the end. */
export interface BlockAnswer {
  /** A height; 0 is the genesis state. */
  height: number;
  /** 32 bytes, lower-case hex. */
  hash: string;
  /** Bytes, lower-case hex. */
  header: string;
  /** Bytes, lower-case hex. */
  certificate: string;
  /**
   * The headers from the block's child to the block that the certificate is for: empty if that is the block itself.
   * Nodes may hold different ones.
   */
  descendants: string[];
  /** Those that the block appoints; most appoint none. */
  validators: string[];
  /** How many operations it has, on all pages. */
  operations_count: number;
  operations: OperationAnswer[];
  /** The `after` of the next page; null at the end. */
  next: number | null;
}

/** A final block. */
export interface BlockItem {
  height: number;
  hash: string;
  time: number;
  operations_count: number;
  root_height: number;
  root: string;
}

/** A final block in short. */
export interface BlockSummary {
  /** A height; 0 is the genesis state. */
  height: number;
  /** 32 bytes, lower-case hex. */
  hash: string;
  /** Milliseconds since 1970. */
  time: number;
  /** How many operations it has. */
  operations_count: number;
}

/** A TLS certificate that the node shows now or soon. */
export interface Certificate {
  /** 32 bytes, lower-case hex. */
  hash: string;
  /** Seconds since 1970. */
  not_before: number;
  /** Seconds since 1970. */
  not_after: number;
  /** 64 bytes, lower-case hex. */
  signature: string;
}

/** The validators' signatures that make a block final, as exact bytes. */
export interface CertificateAnswer {
  /** A height; 0 is the genesis state. */
  height: number;
  /** 32 bytes, lower-case hex. */
  hash: string;
  /** Bytes, lower-case hex. */
  certificate: string;
  /**
   * The headers from the block's child to the block that the certificate is for: empty if that is the block itself.
   * Nodes may hold different ones.
   */
  descendants: string[];
}

/** Another node. `reason` says what is wrong, where something is. */
export interface ComparedNode {
  /** A node's Ed25519 public key, lower-case hex. */
  node: string;
  /** Where it is seen; empty if it is not linked. */
  addr: string;
  /**
   * It signed the same state; it lacks blocks that this node has had for a while; it no longer answers at this height;
   * it signed another state than the validators; it gave no usable answer.
   */
  state: "agrees" | "behind" | "lying" | "pruned" | "silent";
  /** The height of its newest block, as it says. */
  newest: number | null;
  /** How many heights that is below this node's. */
  behind: number;
  /** The time of the first block that it lacks. */
  since: number | null;
  /** Why it gave no usable answer; null if it did. */
  reason: string | null;
  signed: SignedText | null;
  /** Shows anyone that it lies: see submitevidence. */
  evidence: string | null;
}

/**
 * Nodes compared at one height, by the final header that carries the state root of that height. `certified` says
 * whether this node's own root is the one in that header: if not, this node is the one that is wrong. All that is said
 * of a node follows from its `signed` and the header, which anyone can check.
 */
export interface Comparison {
  /** A height; 0 is the genesis state. */
  height: number;
  /** This node's own. */
  root: string;
  /** Whether a final header carries the state root of this height. */
  certified: boolean;
  /** The one in the header. */
  certified_root: string;
  /** A node's Ed25519 public key, lower-case hex. */
  node: string;
  /** A height; 0 is the genesis state. */
  newest: number;
  /** Bytes, lower-case hex. */
  header: string;
  /** Bytes, lower-case hex. */
  certificate: string;
  /**
   * The headers from the block's child to the block that the certificate is for: empty if that is the block itself.
   * Nodes may hold different ones.
   */
  descendants: string[];
  /** The preimage of the certified root; empty if this node lacks it. */
  state: string;
  signed: SignedText;
  nodes: ComparedNode[];
}

/** A place in the log, the same on every node. */
export interface Cursor {
  height: number;
  index: number;
}

/** The state at one height in one value: `root` binds all the others. */
export interface DataHashAnswer {
  /** A height; 0 is the genesis state. */
  height: number;
  /** 32 bytes, lower-case hex. */
  root: string;
  /** Of the stars of all ratings. */
  ratings_sum: number;
  /** Of all ratings. */
  ratings_count: number;
  /** How many live records there are. */
  records: number;
  /** How many accounts have written anything. */
  accounts: number;
}

/** A span of heights with one set of validators. */
export interface EpochAnswer {
  /** Its number, from 0. */
  epoch: number;
  /** The first block that this set makes. */
  first_height: number;
  /** Their keys, in the order of their indexes. */
  validators: string[];
  /** How many of them decide. */
  quorum: number;
  /** How it ended; null for the present one. */
  end: EpochEndAnswer | null;
}

/**
 * The block that ended an epoch, with what proves it final. Its header has the hash of the validators that it appoints,
 * those of the next epoch (docs/protocol.md).
 */
export interface EpochEndAnswer {
  /** A height; 0 is the genesis state. */
  height: number;
  /** 32 bytes, lower-case hex. */
  hash: string;
  /** Bytes, lower-case hex. */
  header: string;
  /** Bytes, lower-case hex. */
  certificate: string;
  /**
   * The headers from the block's child to the block that the certificate is for: empty if that is the block itself.
   * Nodes may hold different ones.
   */
  descendants: string[];
}

/** Epochs in order, from the first one on. `next` is the `after` of the next page, null at the present one. */
export interface EpochsAnswer {
  epochs: EpochAnswer[];
  /** The `after` of the next page; null at the end. */
  next: number | null;
}

/** What shows anyone that a validator or a node did what no correct one does; `evidence` alone is what counts. */
export interface EvidenceAnswer {
  /** Of this node's, growing. */
  number: number;
  /**
   * Two votes of a validator; two answers of a node; an answer that contradicts a final header; a receipt for an
   * operation that no block held.
   */
  kind: "answer" | "answers" | "receipt" | "votes";
  /** The key of the validator (votes) or of the node. */
  culprit: string;
  /** Of the votes or the header; 0 for two answers. */
  epoch: number;
  /** False for a suspicion: a receipt alone does not say who left it out. */
  is_proof: boolean;
  /** What it shows, in words. */
  summary: string;
  /** Seconds since 1970. */
  received: number;
  /** The exact bytes, lower-case hex (docs/protocol.md, chapter 17). */
  evidence: string;
}

/** Evidence in the order in which it came. `next` is the `after` of the next page, null at the end. */
export interface EvidencePage {
  evidence: EvidenceAnswer[];
  /** The `after` of the next page; null at the end. */
  next: number | null;
}

/** What a subscriber wants of a topic; all that is given must hold. */
export interface Filter {
  /** Whose operation it is: the record's author, or who rates. */
  account?: string | null;
  /** The record's; for ratings, the rated record's. */
  collection?: string | null;
  /** Records that refer to this one. */
  ref?: string | null;
  /** This record alone, or ratings of it. */
  record?: string | null;
}

/** A port of this node's that the router was asked to forward (PCP, NAT-PMP, UPnP-IGD). */
export interface ForwardedPort {
  /** Of the port. */
  transport: "tcp" | "udp";
  /** The node's own. */
  port: number;
  /** The external address; null while it is not forwarded. */
  address: string | null;
  /** The router's; null if it forwards none. */
  external_port: number | null;
  /** By what the router was asked. */
  method: "nat-pmp" | "pcp" | "upnp" | null;
  /** Whether a peer reached the node there. */
  confirmed: boolean;
  /** Why it is not forwarded, or was not at the last request. */
  trouble: string | null;
}

/** Records in order. `next` is the `after` of the next page, null at the end. */
export interface FoundPage {
  records: RecordAnswer[];
  next: Cursor | null;
}

/** The network's beginning: the SHA-256 of tag and text is the network's id (docs/protocol.md). */
export interface GenesisAnswer {
  /** 32 bytes, lower-case hex. */
  network: string;
  /** Of the network, for people. */
  name: string;
  /** The exact text. */
  genesis: string;
}

/** A block's header: its exact 236 bytes and what they say. */
export interface HeaderAnswer {
  /** A height; 0 is the genesis state. */
  height: number;
  /** 32 bytes, lower-case hex. */
  hash: string;
  /** Bytes, lower-case hex. */
  header: string;
  /** Whose validators made it. */
  epoch: number;
  /** Of the consensus, in which it was proposed. */
  view: number;
  /** Milliseconds since 1970. */
  time: number;
  /** 32 bytes, lower-case hex. */
  parent: string;
  /** 32 bytes, lower-case hex. */
  operations_hash: string;
  /** How many operations it has. */
  operations_count: number;
  /** A height; 0 is the genesis state. */
  root_height: number;
  /** 32 bytes, lower-case hex. */
  root: string;
  /** 32 bytes, lower-case hex. */
  signatures_hash: string;
  /** The hash of the validators that the block appoints. */
  next_validators: string | null;
}

/** An interface that listens now. */
export interface Interface {
  /** What is spoken there. */
  transport: "http" | "stun" | "webtransport" | "ws" | "ws-udp";
  /** Over TCP or UDP. */
  protocol: "tcp" | "udp";
  /** The local address that is listened on. */
  address: string;
  /** Where it listens. */
  port: number;
  /** Whether TLS or QUIC is spoken there (besides the clear on TCP). */
  secure: boolean;
}

/** The newest final block, as Pocketnet's tools read it. */
export interface LastBlock {
  /** Of the block. */
  height: number;
  /** 32 bytes, lower-case hex. */
  hash: string;
  /** Seconds since 1970. */
  time: number;
  /** Operations in it; 0 as well while the tables can't be read. */
  ntx: number;
}

/** The limits that a caller may meet. */
export interface LimitsAnswer {
  /** Of one message. */
  message_bytes: number;
  /** Requests in one batch. */
  batch_length: number;
  /** Items on one page. */
  page_length: number;
  /** Requests of a connection that wait at once. */
  outstanding: number;
  /** How long a request waits for a height, or for a final operation. */
  wait_seconds: number;
  /** Of one connection. */
  subscriptions: number;
  /** Connections of one address. */
  connections_address: number;
  /** Of one address, in the long run. */
  requests_second: number;
  /** How many of them may come at once. */
  requests_burst: number;
}

/** A place in the log, the same on every node: operation `index` of block `height`. */
export interface LogCursor {
  /** A height; 0 is the genesis state. */
  height: number;
  /** Of the operation in the block, from 0. */
  index: number;
}

/** The kind of NAT or firewall that this node is behind, as it found out together with its peers. */
export interface Nat {
  /** Which port others see, as RFC 4787 names it. */
  mapping: "address-and-port-dependent" | "address-dependent" | "endpoint-independent" | "none" | "unknown";
  /** Whom the NAT lets in, likewise. */
  filtering: "address-and-port-dependent" | "address-dependent" | "endpoint-independent" | "none" | "unknown";
  /** Whether port numbers are kept. */
  ports: "no" | "unknown" | "yes";
  /** Whether nodes behind it reach each other by their outer addresses. */
  hairpin: "no" | "unknown" | "yes";
  /** What becomes of TCP connections that nobody inside asked for. */
  syn: "accepted" | "dropped" | "reset" | "unknown";
  /** Whether UDP passes. */
  udp: "blocked" | "unknown" | "works";
  /** How the outer ports are chosen, where port numbers are not kept. */
  allocation: "random" | "sequential" | "unknown";
  /** From one sequential port to the next; else 0. */
  step: number;
  /** The IP address at which others see this node. */
  external: string | null;
  /** Seconds of silence that a UDP mapping has survived, as far as that was tried. */
  lifetime_held: number | null;
  /** Seconds of silence after which one was gone. */
  lifetime_lost: number | null;
  /** Seconds that a TCP mapping has survived, likewise. */
  lifetime_held_tcp: number | null;
  /** Seconds of silence after which one was gone. */
  lifetime_lost_tcp: number | null;
  /** What this means for the operator, in a sentence. */
  meaning: string;
  /** What could be done; empty if there is nothing. */
  advice: string;
  /** How many peers' STUN servers answered. */
  observers: number;
  /** Of how many surveys since the node's start it is the newest. */
  round: number;
  /** When this was found out. */
  checked: number;
}

/** The kind of a NAT (RFC 4787, RFC 5382); none: there is no NAT. */
export interface NatKind {
  /** Which port others see, as RFC 4787 names it. */
  mapping: "address-and-port-dependent" | "address-dependent" | "endpoint-independent" | "none" | "unknown";
  /** Whom the NAT lets in, as RFC 4787 names it. */
  filtering: "address-and-port-dependent" | "address-dependent" | "endpoint-independent" | "none" | "unknown";
  /** Whether port numbers are kept. */
  ports: "no" | "unknown" | "yes";
  /** Whether nodes behind it reach each other by their outer addresses. */
  hairpin: "no" | "unknown" | "yes";
  /** What becomes of TCP connections that nobody inside asked for. */
  syn: "accepted" | "dropped" | "reset" | "unknown";
}

/** The node: first what Pocketnet's tools read, with their types, then what is our own. */
export interface NodeInfo {
  /** Of the software. */
  version: string;
  /** Seconds since 1970. */
  time: number;
  /** The network's name. */
  chain: string;
  /** Always false: kept for Pocketnet's tools. */
  proxy: boolean;
  /** 0: there is no stake here. */
  netstakeweight: number;
  lastblock: LastBlock;
  /** Always empty, likewise. */
  proxies: string[];
  ports: Ports;
  /** A node's Ed25519 public key, lower-case hex. */
  node: string;
  /** 32 bytes, lower-case hex. */
  network: string;
  software: Software;
  /** Seconds since 1970. */
  started: number;
  sync: Sync;
  peers: Peers;
  audit: Audit;
  repair: Repair;
  interfaces: Interface[];
  certificates: Certificate[];
  stun: Stun;
  limits: LimitsAnswer;
}

/** An operation in the log: its exact text, and what the ledger's rules made of it. */
export interface OperationAnswer {
  /** In the block, from 0. */
  index: number;
  /** 32 bytes, lower-case hex. */
  id: string;
  /** Its JSON text as it was signed. */
  operation: string;
  /** 64 bytes, lower-case hex. */
  signature: string;
  /** What the ledger's rules made of it: `ok`, or a name. */
  result: string;
}

/** A connected peer: first what Pocketnet's tools read, with their types, then what is our own. */
export interface PeerInfo {
  /** A node's Ed25519 public key, lower-case hex. */
  id: string;
  /** Where it is seen, address:port. */
  addr: string;
  /** The transports that it serves, separated by commas. */
  services: string;
  /** Always true: kept for Pocketnet's tools. */
  relaytxes: boolean;
  /** Seconds since 1970. */
  lastsend: number;
  /** Seconds since 1970. */
  lastrecv: number;
  /** Seconds since 1970. */
  conntime: number;
  /** Seconds that its clock was ahead of this node's at the beginning. */
  timeoffset: number;
  /** Microseconds to the peer and back, as last measured; 0: not yet. */
  pingtime: number;
  /** What the link goes over: ws (TCP) or ws-udp (QUIC). */
  protocol: string;
  /** Of its software, as it says. */
  version: string;
  /** Whether the peer dialled. */
  inbound: boolean;
  /** Its height when the link began. */
  startingheight: number;
  /** Always false: kept for Pocketnet's tools. */
  whitelisted: boolean;
  /** How often it was banned. */
  banscore: number;
  /** The height that it has shown a certificate for. */
  synced_headers: number;
  /** The height that both have. */
  synced_blocks: number;
  /** The height of the oldest block that it says it has. */
  blocks_from: number;
  /** By the link, since it began. */
  bytessent: number;
  /** By the link, since it began. */
  bytesrecv: number;
  interfaces: PeerInterface[];
  /** The validator key that it has proven, or null. */
  validator: string | null;
  /** Its STUN data, or null. */
  stun: StunRecord | null;
  /** Where this node's STUN server saw it. */
  seen: SeenAddress[];
  /** The last punches with it, the newest last. */
  punches: PunchAttempt[];
}

/** An interface that a peer says it serves. */
export interface PeerInterface {
  /** http, ws, ws-udp or webtransport. */
  transport: string;
  /** Empty: whichever address the node is reached at. */
  address: string;
  /** Where it listens. */
  port: number;
  /** Whether TLS is spoken there. */
  secure: boolean;
}

/** How many peers there are, by who dialled, how many addresses of nodes are known, and who is banned. */
export interface Peers {
  /** Links that others dialled. */
  inbound: number;
  /** Links that it dialled. */
  outbound: number;
  /** Addresses in its book. */
  known: number;
  /** The 20 bans that last longest. */
  banned: BannedPeer[];
}

/** Ports as Pocketnet's tools read them; 0 where there is none. */
export interface Ports {
  /** WebSocket, on which nodes link too. */
  node: number;
  /** HTTP. */
  api: number;
  /** HTTP. */
  rest: number;
  /** WebSocket in TLS. */
  wss: number;
  /** HTTP. */
  http: number;
  /** HTTP in TLS, which the node itself does not serve. */
  https: number;
}

/**
 * The trie's nodes from a state root down to rows, and the final header that carries the root. A verifier finds each
 * next node by its SHA-256 (docs/protocol.md).
 */
export interface ProofAnswer {
  /** A height; 0 is the genesis state. */
  height: number;
  /** 32 bytes, lower-case hex. */
  root: string;
  /** Of the trie, in hex; each is found by its SHA-256 from the root down. */
  nodes: string[];
  /** Bytes, lower-case hex. */
  header: string;
  /** Bytes, lower-case hex. */
  certificate: string;
  /**
   * The headers from the block's child to the block that the certificate is for: empty if that is the block itself.
   * Nodes may hold different ones.
   */
  descendants: string[];
}

/** A punch that this node had a part in. */
export interface PunchAttempt {
  /** This node's. */
  role: "coordinator" | "requester" | "target";
  /** The target; where this node is the target, the coordinator. */
  node: string;
  /** Of the sockets. */
  transport: "tcp" | "udp";
  /** As of `requestpunch`. */
  strategy: "direct" | "opener" | "spread";
  /** Seconds since 1970. */
  began: number;
  /** told: both sides have their orders, which is all that a coordinator learns. */
  outcome: "failed" | "open" | "told" | "under way";
  /** How long it took. */
  seconds: number;
  /** Probes, or over TCP connections, that this node sent. */
  packets: number;
  candidates: PunchCandidate[];
  /** Where it came through. */
  path: PunchCandidate | null;
  /** Why it failed; empty if it did not. */
  reason: string;
}

/** Where the other side of a punch may be reached. */
export interface PunchCandidate {
  /** An IP address. */
  address: string;
  /** At that address. */
  port: number;
  /**
   * Seen by the coordinator; in the private network of both; following the one that was seen; where a probe came from;
   * a port of the node's own.
   */
  kind: "observed" | "predicted" | "private" | "reflexive" | "served";
}

/** An IP address and a port. */
export interface PunchEndpoint {
  /** An IP address. */
  address: string;
  /** At that address. */
  port: number;
}

/** The caller's part in a punch; the other side is told its own at the same time. */
export interface PunchGranted {
  /** What both sides do: as of `requestpunch`, or what fits the NATs better. */
  strategy: "direct" | "opener" | "spread";
  /** The other side's, the likeliest first. */
  candidates: PunchCandidate[];
  /** Where the caller's socket was seen. */
  observed: PunchEndpoint;
  /** What the other side shows, each signed with its key. */
  certificates: Certificate[];
  /** Whether the other side's NAT maps by the remote endpoint. */
  mapping: "dependent" | "independent" | "unknown";
  /** Which side opens many sockets, with strategy spread. */
  many?: "requester" | "target" | null;
}

/** One account's rating of one record, and the operation that gave it. */
export interface RatingAnswer {
  /** A record's address, account/collection/key. */
  record: string;
  /** An account: an Ed25519 public key, 64 lower-case hex digits. */
  account: string;
  /** From 1 to 5. */
  stars: number;
  given: Cursor;
}

/** An accepted `rate` or `withdraw` (`stars` is null then). */
export interface RatingItem {
  cursor: Cursor;
  id: string;
  type: "rate" | "withdraw";
  account: string;
  record: string;
  stars: number | null;
  time: number;
}

/** Ratings in order, with the sum and number of all of them and not of this page alone. */
export interface RatingPage {
  ratings: RatingAnswer[];
  /** Of all stars, on all pages. */
  sum: number;
  /** Of all ratings, on all pages. */
  count: number;
  next: string | Cursor | null;
}

/** An interface of the node's own that another node tried to reach. */
export interface ReachedInterface {
  /** Of the port. */
  transport: "tcp" | "udp";
  /** The node's own. */
  port: number;
  /** The address that was tried. */
  address: string;
  /** Whether the observer got through to it. */
  reached: boolean;
  /** A node's Ed25519 public key, lower-case hex. */
  observer: string;
  /** Seconds since 1970. */
  time: number;
}

/** The node's signed promise to relay an operation (docs/protocol.md has the signed bytes). */
export interface ReceiptAnswer {
  /** 32 bytes, lower-case hex. */
  network: string;
  /** 32 bytes, lower-case hex. */
  id: string;
  /** A node's Ed25519 public key, lower-case hex. */
  node: string;
  /** A height; 0 is the genesis state. */
  height: number;
  /** A height; 0 is the genesis state. */
  expiry: number;
  /** 64 bytes, lower-case hex. */
  signature: string;
}

/** A record at some height. `data` is the author's exact JSON text, null once it is deleted. */
export interface RecordAnswer {
  /** An account: an Ed25519 public key, 64 lower-case hex digits. */
  account: string;
  /** Of its author's choice. */
  collection: string;
  /** Its name in the collection. */
  key: string;
  /** Any JSON value. */
  data: Json;
  /** The address of the record that it refers to; null if to none. */
  ref: string | null;
  /** 1 when it is made, one more with each change. */
  version: number;
  /** Whether it was deleted; then `data` is null. */
  deleted: boolean;
  created: Cursor;
  updated: Cursor;
  /** Milliseconds since 1970. */
  time: number;
  /** Of all stars that it has. */
  ratings_sum: number;
  /** How many have rated it. */
  ratings_count: number;
}

/** An accepted `put` or `delete` (`data` and `ref` are null then). */
export interface RecordItem {
  cursor: Cursor;
  id: string;
  type: "delete" | "put";
  account: string;
  collection: string;
  key: string;
  data: Json;
  ref: string | null;
  time: number;
}

/** Records in order. `next` is the `after` of the next page, null at the end. */
export interface RecordPage {
  records: RecordAnswer[];
  /** The `after` of the next page; null at the end. */
  next: number[] | null;
}

/** What the node does about damage of its database. */
export interface Repair {
  /** What it does now; null if there is nothing to do. */
  doing: string | null;
  /** 0 to 1 of that. */
  progress: number;
  /** Why it does not succeed, and what to do; null if it does. */
  trouble: string | null;
  /** How many succeeded since the node started. */
  repairs: number;
  /** What the last one did. */
  last: string | null;
  /** When the last one ended, in seconds since 1970; null if there was none. */
  finished: number | null;
}

/** What the caller asks about the answer's height and truth. */
export interface RequestContext {
  min_height?: number | null;
  at?: number | null;
  proof?: boolean;
  sign?: boolean;
}

/** Where this node's STUN server saw a peer that proved who it is. */
export interface SeenAddress {
  /** A node's Ed25519 public key, lower-case hex. */
  node: string;
  /** Of the socket. */
  transport: "tcp" | "udp";
  /** Where it was seen. */
  address: string;
  /** Where it was seen. */
  port: number;
  /** Seconds since 1970. */
  first_seen: number;
  /** Seconds since 1970. */
  last_seen: number;
}

/** A signed answer to `getdatahash`: what is signed (docs/protocol.md, chapter 15) and the exact result. */
export interface SignedText {
  /** Bytes, lower-case hex. */
  answer: string;
  /** 64 bytes, lower-case hex. */
  signature: string;
  /** The exact text of the answer that was signed. */
  text: string;
}

/** What runs here. */
export interface Software {
  /** Of the program. */
  name: string;
  /** Of the program. */
  version: string;
  /** Grows when an answer changes in a way that a client could stumble over. */
  api: number;
}

/** How the node is reached from outside; `nat` is null until its kind was found out. */
export interface Stun {
  mappings: StunMapping[];
  nat: Nat | null;
  router: ForwardedPort[];
  server: StunServerPorts;
  interfaces: ReachedInterface[];
  /** What the node tells others of it. */
  data: StunRecord | null;
}

/** Where a node says that it is reached from outside: it serves WebSocket there and takes links. */
export interface StunEndpoint {
  /** Of the port. */
  transport: "tcp" | "udp";
  /** A public IP address. */
  address: string;
  /** At that address. */
  port: number;
  /** The node that saw or reached it there. */
  observer: string;
  /** A NAT's mapping, told by STUN; a port of the node's own; a port that the router forwards. */
  source: "interface" | "router" | "stun";
}

/** How nodes are reached from outside: this one, and all whose STUN data is known. */
export interface StunInfo {
  mappings: StunMapping[];
  nat: Nat | null;
  router: ForwardedPort[];
  server: StunServerPorts;
  interfaces: ReachedInterface[];
  /** The newest STUN data of each node, this one included. */
  nodes: StunRecord[];
  /** Where this node's STUN server saw its peers. */
  seen: SeenAddress[];
  /** The newest 32 that this node had a part in, the newest last. */
  punches: PunchAttempt[];
}

/** An address that a NAT keeps for one of the node's sockets, as a peer's STUN server sees it. */
export interface StunMapping {
  /** Of the socket. */
  transport: "tcp" | "udp";
  /** The socket's own address and port. */
  local: string;
  /** On the NAT's outer side. */
  address: string;
  /** On the NAT's outer side. */
  port: number;
  /** A node's Ed25519 public key, lower-case hex. */
  observer: string;
  /** Seconds since 1970. */
  first_seen: number;
  /** Seconds since 1970. */
  last_seen: number;
  /** Seconds between keep-alives. */
  keepalive: number;
  /** Whether a node that the socket never sent to has reached it; null: not known. */
  confirmed: boolean | null;
}

/** STUN data of a node: what it says of how it is reached, signed by it. */
export interface StunRecord {
  /** A node's Ed25519 public key, lower-case hex. */
  node: string;
  /** Of two records of a node the one with the greater sequence counts. */
  sequence: number;
  /** Seconds since 1970. */
  issued: number;
  /** Seconds since 1970. */
  expiry: number;
  mappings: StunEndpoint[];
  nat: NatKind;
  /** Who is shown one of these at a mapping has reached the node. */
  certificates: Certificate[];
  /** The signed bytes and the signature, docs/protocol.md, chapter 18. */
  record: string;
}

/** Where the node answers STUN; 0: nowhere. */
export interface StunServerPorts {
  /** The UDP port. */
  udp: number;
  /** The TCP port. */
  tcp: number;
}

/**
 * An operation that was taken. With `wait` `accepted` it comes with a receipt; once it is final with its place in the
 * log and what the ledger's rules made of it (`ok`, or the name of an executor result).
 */
export interface Submitted {
  /** 32 bytes, lower-case hex. */
  id: string;
  receipt?: ReceiptAnswer | null;
  cursor?: Cursor | null;
  /** What the ledger's rules made of it, `ok` or a name; null as long as it is not final. */
  result?: string | null;
}

/** What this node keeps about the same thing: the evidence given, or what was there before. */
export interface SubmittedEvidence {
  /** Whether this node did not have it. */
  is_new: boolean;
  kept: EvidenceAnswer;
}

/** A subscription, and the cursor after which its notifications begin. */
export interface Subscribed {
  /** Its id, on this connection alone. */
  subscription: string;
  cursor: Cursor;
}

/** How far this node is. `state` is `serving` once it answers data calls. */
export interface Sync {
  /** What it does: data is answered while it is `serving`. */
  state: "corrupt" | "diverged" | "repairing" | "serving" | "starting" | "stopped" | "syncing";
  /** Whether it makes blocks or follows those who do. */
  role: "follower" | "validator";
  /** Of the newest block that it has. */
  height: number;
  /** The newest height that proofs can be given for, or 0. */
  provable_height: number;
  /** The greatest height that this node knows to be final. */
  target: number;
  /** Operations written a second, lately. */
  operations_second: number;
  /** Until the target is reached; null if that can't be said. */
  seconds_left: number | null;
  /** The height of the oldest block that this node has. */
  blocks_from: number;
  /** Whether it takes block after block, or fetches the state as it is at a recent height. */
  phase: "replay" | "state";
  /** Rows of the state that are here, in phase state. */
  rows: number;
  /** Rows of the state in all, in phase state; 0 while it is not known. */
  total: number;
  /** Why no block is written now, such as a full disk; null if all is well. */
  trouble: string | null;
}

/** The node's clock. Nothing in the ledger depends on it. */
export interface Time {
  /** Seconds since 1970. */
  time: number;
  /** Milliseconds since 1970. */
  milliseconds: number;
}

/** A subscription that was ended, and the cursor up to which everything was told. */
export interface Unsubscribed {
  /** Its id. */
  subscription: string;
  cursor: Cursor;
}

/** The names of errors, `code` of a `RemoteError`, besides those of refused operations. */
export interface ErrorNames {
  /** An account is 64 lower-case hex digits. */
  account_invalid: true;
  /** There is no such account at this height. */
  account_unknown: true;
  /** A batch has at least one request. */
  batch_empty: true;
  /** The batch has more requests than this node takes: split it. */
  batch_too_long: true;
  /** This node has blocks from the height blocks_from on: ask another for older ones. */
  block_pruned: true;
  /** There is no block of that height yet. */
  block_unknown: true;
  /** The call was given up. */
  cancelled: true;
  /** A collection is 1 to 64 characters of a-z, 0-9, '.', '_' and '-'. */
  collection_invalid: true;
  /** The page cursor is not one that this method gave for these parameters. */
  cursor_invalid: true;
  /** The log before the start given is pruned: go on from there, or ask another node. */
  cursor_pruned: true;
  /** The node found its database damaged and serves no data from it: ask another node. */
  data_corrupt: true;
  /** The node's state is not what the validators signed: ask another node. */
  data_diverged: true;
  /** The node repairs its database: try again soon, or ask another node. */
  data_repairing: true;
  /** This node is verifying as much evidence as it takes at once: try again later. */
  evidence_waiting: true;
  /** This height is not reached yet: wait for it, or use min_height. */
  height_future: true;
  /** This method does not answer for a chosen height: leave context.at out. */
  height_not_offered: true;
  /** The height asked for was not reached in time: ask again. */
  height_not_reached: true;
  /** This height is older than what this node keeps: ask for a recent one. */
  height_pruned: true;
  /** This path does not take this HTTP method; the Allow header says which it does. */
  http_method_unknown: true;
  /** The node failed to answer; its log says why. Other requests are not affected. */
  internal_error: true;
  /** An object names a member twice: keep one of them. */
  json_duplicate_key: true;
  /** The message is not JSON in UTF-8 (RFC 8259). */
  json_malformed: true;
  /** Arrays and objects are nested too deep: flatten the message. */
  json_too_deep: true;
  /** A key is 1 to 256 bytes of UTF-8 without '/' and control characters. */
  key_invalid: true;
  /** A parameter that the method needs is missing: add it. */
  member_missing: true;
  /** A parameter has the wrong type or is out of its range. */
  member_type: true;
  /** A parameter is unknown to the method: remove it. */
  member_unknown: true;
  /** The message is larger than this node takes: split it. */
  message_too_large: true;
  /** There is no such method: rpc.discover lists them. */
  method_unknown: true;
  /** This node buffers as much as it can: try again later, or ask another node. */
  node_overloaded: true;
  /** The node is starting: try again soon, or ask another node. */
  node_starting: true;
  /** The node is stopping: ask another node. */
  node_stopping: true;
  /** The node is fetching the state, rows of total are here: wait, or ask another node. */
  node_syncing: true;
  /** The operation is accepted but was not final in time: submit it again to wait on, which changes nothing. */
  not_final_yet: true;
  /** No final header carries this height's root yet: ask again after a block. */
  not_provable: true;
  /** The limit is greater than this node's page size: ask for fewer items. */
  page_too_long: true;
  /** The parameters given don't go together: see the method's description. */
  parameters_conflict: true;
  /** There is nothing at this path: JSON-RPC is taken by POST at /. */
  path_unknown: true;
  /** This node holds as many waiting operations as it can: try again later. */
  pool_full: true;
  /** There is no proof for this call: leave context.proof out. */
  proof_not_offered: true;
  /** Another punch has this username: make up a new one for each. */
  punch_conflict: true;
  /** Both NATs give another port for each remote endpoint: relay in place of it. */
  punch_hopeless: true;
  /** This node answers no STUN, so it coordinates no punches: ask another one. */
  punch_not_offered: true;
  /** This node coordinates no more punches for you, or for that node, for now: wait. */
  punch_over_budget: true;
  /** This node has no link with that node: ask one that has (getpeerinfo lists links). */
  punch_unlinked: true;
  /** That node has no address over this transport that this node could tell. */
  punch_unmapped: true;
  /** No STUN Binding request with these credentials came in time: the transport is blocked, or the port wrong. */
  punch_unobserved: true;
  /** Too many rows would have to be looked through: filter further, or ask for fewer. */
  query_too_broad: true;
  /** A record's address is account/collection/key. */
  record_invalid: true;
  /** There is no such record at this height: check its address. */
  record_unknown: true;
  /** A request is an object with method and, if wanted, jsonrpc, id, params and context. */
  request_invalid: true;
  /** This method's answers are not signed: leave context.sign out. */
  signature_not_offered: true;
  /** The subscriber could not keep up: subscribe again after the cursor given. */
  subscriber_slow: true;
  /** This connection has no such subscription. */
  subscription_unknown: true;
  /** This node compares itself with others twice a second at most: wait. */
  too_many_comparisons: true;
  /** This address has as many connections as this node allows: close one. */
  too_many_connections: true;
  /** Too many requests of this connection wait for an answer: wait for some. */
  too_many_outstanding: true;
  /** More requests a second came from this address than this node takes: wait. */
  too_many_requests: true;
  /** This connection has as many subscriptions as this node allows: end one. */
  too_many_subscriptions: true;
  /** Subscriptions need a connection that stays: use WebSocket or WebTransport. */
  transport_unsuited: true;
}
