"""Example calls and their results, recorded by ``python -m tests.unit.api.scenario``: do not edit."""

# ruff: noqa: E501

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, str]] = {
    "getnodeinfo": (
        '{}',
        '{"version": "0.1.0", "time": 1790000001, "chain": "test", "proxy": false, "netstakeweight": 0, "lastblock": {"height": 5, "hash": "4957c2f26f81336d988c3b834eaf896e485175324eef0e77851df02616358f8e", "time": 1790000000, "ntx": 0}, "proxies": [], "ports": {"node": 38082, "api": 38081, "rest": 38081, "wss": 38082, "http": 38081, "https": 0}, "node": "7422b9887598068e32c4448a949adb290d0f4e35b9e01b0ee5f1a1e600fe2674", "network": "8c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f", "software": {"name": "cloudnode", "version": "0.1.0", "api": 1}, "started": 1790000000, "sync": {"state": "serving", "role": "validator", "height": 5, "provable_height": 4, "target": 5, "operations_second": 0.0, "seconds_left": 0.0, "blocks_from": 1, "phase": "replay", "rows": 0, "total": 0, "trouble": null}, "peers": {"inbound": 0, "outbound": 1, "known": 3}, "audit": {"state": "never", "height": null, "finished": null, "rows": 0, "progress": 0.0, "findings": []}, "repair": {"doing": null, "progress": 0.0, "trouble": null, "repairs": 0, "last": null, "finished": null}, "interfaces": [{"transport": "http", "protocol": "tcp", "address": "0.0.0.0", "port": 38081, "secure": false}, {"transport": "ws", "protocol": "tcp", "address": "0.0.0.0", "port": 38082, "secure": false}], "certificates": [{"hash": "abababababababababababababababababababababababababababababababab", "not_before": 1790000000, "not_after": 1790864000, "signature": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"}], "stun": {"mappings": [], "nat": null}, "limits": {"message_bytes": 1048576, "batch_length": 100, "page_length": 200, "outstanding": 1024, "wait_seconds": 15.0, "subscriptions": 32, "connections_address": 128, "requests_second": 100.0, "requests_burst": 1000}}',
    ),
    "getpeerinfo": (
        '{}',
        '[{"id": "efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef", "addr": "192.0.2.9:38082", "services": "http,ws", "relaytxes": true, "lastsend": 1790000001, "lastrecv": 1790000001, "conntime": 1790000000, "timeoffset": 0, "pingtime": 21500, "protocol": "ws", "version": "cloudnode 0.1.0", "inbound": false, "startingheight": 3, "whitelisted": false, "banscore": 0, "synced_headers": 5, "synced_blocks": 5, "bytessent": 2048, "bytesrecv": 4096, "interfaces": [{"transport": "ws", "address": "", "port": 38082, "secure": true}], "validator": null}]',
    ),
    "getstuninfo": (
        '{}',
        '{"mappings": [], "nat": null}',
    ),
    "gettime": (
        '{}',
        '{"time": 1790000001, "milliseconds": 1790000001500}',
    ),
    "ping": (
        '{}',
        '"pong"',
    ),
    "submit": (
        '{"operation": "{\\"network\\":\\"8c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f\\",\\"account\\":\\"e763ba553d9e184a25adca9d03e5836ccc6f92acdd8e8c376284994792f9ba6b\\",\\"type\\":\\"rate\\",\\"time\\":1790000000006,\\"from\\":6,\\"expiry\\":56,\\"record\\":\\"01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc/film/metropolis\\",\\"stars\\":4}", "signature": "be9ec101a79f17d03278186342969ae0cf5a267f13ac6f61d3260b06614eff8289edeec3e50564164b58b55a5ee86346b2917bdd2696e563c32253fd2d60eb07", "wait": "final"}',
        '{"id": "5f2944d73df5de303b343eed6cbaf210a331b7b7946d2baae2ba588d35e9caeb", "cursor": {"height": 6, "index": 0}, "result": "ok"}',
    ),
    "getrecord": (
        '{"account": "01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc", "collection": "film", "key": "metropolis"}',
        '{"account": "01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc", "collection": "film", "key": "metropolis", "data": {"title": "Metropolis", "year": 1927}, "ref": null, "version": 1, "deleted": false, "created": {"height": 2, "index": 0}, "updated": {"height": 2, "index": 0}, "time": 1790000000002, "ratings_sum": 5, "ratings_count": 1}',
    ),
    "listrecords": (
        '{"collection": "film", "order": "best", "limit": 1}',
        '{"records": [{"account": "01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc", "collection": "film", "key": "metropolis", "data": {"title": "Metropolis", "year": 1927}, "ref": null, "version": 1, "deleted": false, "created": {"height": 2, "index": 0}, "updated": {"height": 2, "index": 0}, "time": 1790000000002, "ratings_sum": 5, "ratings_count": 1}], "next": [3333333, 2, 0]}',
    ),
    "getratings": (
        '{"record": "01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc/film/metropolis"}',
        '{"ratings": [{"record": "01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc/film/metropolis", "account": "e763ba553d9e184a25adca9d03e5836ccc6f92acdd8e8c376284994792f9ba6b", "stars": 5, "given": {"height": 4, "index": 0}}], "sum": 5, "count": 1, "next": null}',
    ),
    "getaccount": (
        '{"account": "01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc"}',
        '{"account": "01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc", "first": {"height": 2, "index": 0}, "inviter": null, "records": 2, "ratings_given": 0, "ratings_sum": 0}',
    ),
    "search": (
        '{"text": "metrop"}',
        '{"records": [{"account": "01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc", "collection": "film", "key": "metropolis", "data": {"title": "Metropolis", "year": 1927}, "ref": null, "version": 1, "deleted": false, "created": {"height": 2, "index": 0}, "updated": {"height": 2, "index": 0}, "time": 1790000000002, "ratings_sum": 5, "ratings_count": 1}], "next": null}',
    ),
    "getdatahash": (
        '{}',
        '{"height": 5, "root": "df822ad0c019069eec4eb7b82882161bd5518b37c8a5285f7ea651451f2ffa28", "ratings_sum": 5, "ratings_count": 1, "records": 2, "accounts": 2}',
    ),
    "getproof": (
        '{"of": "rating", "record": "01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc/film/metropolis", "account": "e763ba553d9e184a25adca9d03e5836ccc6f92acdd8e8c376284994792f9ba6b"}',
        '{"height": 4, "root": "df822ad0c019069eec4eb7b82882161bd5518b37c8a5285f7ea651451f2ffa28", "nodes": ["636c6f75646e6f646520737461746520310a136ca9b342bbed5331e41d40e72d8955a15e2f1c88c5c598d2334ef6335bacac0000000000000000000000000000000200000000000000022a8eb42abd47388566485705e3df22cbf1e737594716bdccf057882b64d1db53000000000000000500000000000000010000000000000001c94e61fe65ecf2755e0d79ca90805f21604d6d3469bf65e5c357a55ef3ea3ab40000000000000000000000000000000000000000000000038b60e152112239f95f46d6467a14f23f5b95ac6d4149a40a5607bfaaa154c3a5000000000000000000000000000000000000000000000002a2dea4b6137331b42e581735b30b0857021d2ebac2c1025f1eae6826d874df96000000000000000000000000000000000000000000000002", "4c01000131da015638031a5d52112dab654a944c019a08f8e86e03e2141655f6a088595db1fe45de4157cf4de4015cb8a3a1de5cd904327f6b79916af209dd13edd782f505000000000000000400000000"], "header": "8c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f000000000000000000000000000000040000000000000005000001a0c4506c05aa2361b066bb718906995df775e0375c01c7d80fefde2a488695a4de1138c504be0729e2e8eac98fcbc099d4fc9ab8a518be060149b5fba903f6611c8d4f9574000000000000000000000004df822ad0c019069eec4eb7b82882161bd5518b37c8a5285f7ea651451f2ffa28fd9e3df105b8929d5e7783e9df6267b394b4274f576316491a2f3b4a51947f8f0000000000000000000000000000000000000000000000000000000000000000", "certificate": "03000000000000000000000000000000044957c2f26f81336d988c3b834eaf896e485175324eef0e77851df02616358f8e00010000c2d2015947b71a6219abdf49186631d3cf5d32ad6d9bb704a35eece3eec6775e3ab0d6bb85f2294b776d68d4bbbe7ab6203a6d592838e3bc176ac08b04e6fe0d", "descendants": []}',
    ),
    "getheader": (
        '{"height": 2}',
        '{"height": 2, "hash": "dcd177d2e4651bf26073e3c6b03a646ed10fee522bbbbc178240601ce850537d", "header": "8c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f000000000000000000000000000000010000000000000002000001a0c4506c025fefabfafb9070fe340d9d727e852c491efaa5b058ad25a365d616c95ba17c3058a2f9c9002748500bf07ca7533e9d5ca94261267abe7a69938a9e066309e2c00000000100000000000000017a83067a447a7f873a4bdf0c49e486374ae5165ebdc6c7acdc2481973926a603d4d42a34e9a9b6494fcd489ae50c05496d21583876c3ea310c88dc4ae9a518890000000000000000000000000000000000000000000000000000000000000000", "epoch": 0, "view": 1, "time": 1790000000002, "parent": "5fefabfafb9070fe340d9d727e852c491efaa5b058ad25a365d616c95ba17c30", "operations_hash": "58a2f9c9002748500bf07ca7533e9d5ca94261267abe7a69938a9e066309e2c0", "operations_count": 1, "root_height": 1, "root": "7a83067a447a7f873a4bdf0c49e486374ae5165ebdc6c7acdc2481973926a603", "signatures_hash": "d4d42a34e9a9b6494fcd489ae50c05496d21583876c3ea310c88dc4ae9a51889", "next_validators": null}',
    ),
    "getblock": (
        '{"height": 2}',
        '{"height": 2, "hash": "dcd177d2e4651bf26073e3c6b03a646ed10fee522bbbbc178240601ce850537d", "header": "8c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f000000000000000000000000000000010000000000000002000001a0c4506c025fefabfafb9070fe340d9d727e852c491efaa5b058ad25a365d616c95ba17c3058a2f9c9002748500bf07ca7533e9d5ca94261267abe7a69938a9e066309e2c00000000100000000000000017a83067a447a7f873a4bdf0c49e486374ae5165ebdc6c7acdc2481973926a603d4d42a34e9a9b6494fcd489ae50c05496d21583876c3ea310c88dc4ae9a518890000000000000000000000000000000000000000000000000000000000000000", "certificate": "0300000000000000000000000000000001dcd177d2e4651bf26073e3c6b03a646ed10fee522bbbbc178240601ce850537d000100002cfabf51d19097245e9cf5c59ffb1d22f73d6a9ca90ed57b96f6f074ba9cea021af125e5908c6c084b5311389f1758b26c564bf3d34d097eacbdf73689f08108", "descendants": [], "validators": [], "operations_count": 1, "operations": [{"index": 0, "id": "faa99cc1c0deff1979e0ebdb4bdf16f19e8b40827634a114967271c5e9460e4f", "operation": "{\\"network\\":\\"8c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f\\",\\"account\\":\\"01c6b12926ac8cb8778f97ace4de6e6d718c242112dc93d51166303c61104bcc\\",\\"type\\":\\"put\\",\\"time\\":1790000000002,\\"from\\":2,\\"expiry\\":52,\\"collection\\":\\"film\\",\\"key\\":\\"metropolis\\",\\"data\\":{\\"title\\":\\"Metropolis\\",\\"year\\":1927}}", "signature": "fbf0caab62d98bc0a105feb990bc188cc427c35a901e9347c9973de867877e9c3e77dca3eaef19d033000aa7b14c12d41afbfcb1bf24da327160cdc59907df0c", "result": "ok"}], "next": null}',
    ),
    "getlastblocks": (
        '{"limit": 2}',
        '[{"height": 5, "hash": "4957c2f26f81336d988c3b834eaf896e485175324eef0e77851df02616358f8e", "time": 1790000000005, "operations_count": 0}, {"height": 4, "hash": "aa2361b066bb718906995df775e0375c01c7d80fefde2a488695a4de1138c504", "time": 1790000000004, "operations_count": 1}]',
    ),
    "getcertificate": (
        '{"height": 2}',
        '{"height": 2, "hash": "dcd177d2e4651bf26073e3c6b03a646ed10fee522bbbbc178240601ce850537d", "certificate": "0300000000000000000000000000000001dcd177d2e4651bf26073e3c6b03a646ed10fee522bbbbc178240601ce850537d000100002cfabf51d19097245e9cf5c59ffb1d22f73d6a9ca90ed57b96f6f074ba9cea021af125e5908c6c084b5311389f1758b26c564bf3d34d097eacbdf73689f08108", "descendants": []}',
    ),
    "getepochs": (
        '{}',
        '{"epochs": [{"epoch": 0, "first_height": 1, "validators": ["4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29"], "quorum": 1, "end": null}], "next": null}',
    ),
    "getgenesis": (
        '{}',
        '{"network": "8c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f", "name": "test", "genesis": "{\\n  \\"format\\": 1,\\n  \\"name\\": \\"test\\",\\n  \\"time\\": 1790000000000,\\n  \\"validators\\": [\\n    \\"4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29\\"\\n  ],\\n  \\"parameters\\": {\\n    \\"pace_ms\\": 200,\\n    \\"heartbeat_ms\\": 10000,\\n    \\"window\\": 1000,\\n    \\"max_operation_bytes\\": 131072,\\n    \\"max_block_operations\\": 2000,\\n    \\"max_block_bytes\\": 4194304,\\n    \\"admission\\": {\\n      \\"policy\\": \\"open\\"\\n    }\\n  }\\n}\\n"}',
    ),
    "compare": (
        '{"count": 2}',
        '{"height": 4, "root": "df822ad0c019069eec4eb7b82882161bd5518b37c8a5285f7ea651451f2ffa28", "certified": true, "certified_root": "df822ad0c019069eec4eb7b82882161bd5518b37c8a5285f7ea651451f2ffa28", "node": "7422b9887598068e32c4448a949adb290d0f4e35b9e01b0ee5f1a1e600fe2674", "newest": 5, "header": "8c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f000000000000000000000000000000040000000000000005000001a0c4506c05aa2361b066bb718906995df775e0375c01c7d80fefde2a488695a4de1138c504be0729e2e8eac98fcbc099d4fc9ab8a518be060149b5fba903f6611c8d4f9574000000000000000000000004df822ad0c019069eec4eb7b82882161bd5518b37c8a5285f7ea651451f2ffa28fd9e3df105b8929d5e7783e9df6267b394b4274f576316491a2f3b4a51947f8f0000000000000000000000000000000000000000000000000000000000000000", "certificate": "03000000000000000000000000000000044957c2f26f81336d988c3b834eaf896e485175324eef0e77851df02616358f8e00010000c2d2015947b71a6219abdf49186631d3cf5d32ad6d9bb704a35eece3eec6775e3ab0d6bb85f2294b776d68d4bbbe7ab6203a6d592838e3bc176ac08b04e6fe0d", "descendants": [], "state": "636c6f75646e6f646520737461746520310a136ca9b342bbed5331e41d40e72d8955a15e2f1c88c5c598d2334ef6335bacac0000000000000000000000000000000200000000000000022a8eb42abd47388566485705e3df22cbf1e737594716bdccf057882b64d1db53000000000000000500000000000000010000000000000001c94e61fe65ecf2755e0d79ca90805f21604d6d3469bf65e5c357a55ef3ea3ab40000000000000000000000000000000000000000000000038b60e152112239f95f46d6467a14f23f5b95ac6d4149a40a5607bfaaa154c3a5000000000000000000000000000000000000000000000002a2dea4b6137331b42e581735b30b0857021d2ebac2c1025f1eae6826d874df96000000000000000000000000000000000000000000000002", "signed": {"answer": "8c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f7422b9887598068e32c4448a949adb290d0f4e35b9e01b0ee5f1a1e600fe2674000000010000000000000004df822ad0c019069eec4eb7b82882161bd5518b37c8a5285f7ea651451f2ffa2844136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a1844de9477c6b33241d52a190e399f3c0b9185083dfddc0d942b34f41bc861ae0b6765746461746168617368", "signature": "f1c5364944f9d01c5c9ea5b03173ef960e702cba4e8116471235221642a576e5f3098fbf79dd4fb334e121499810dbf7cba458fd7dd389192148f223d4ebc807", "text": "{\\"height\\":4,\\"root\\":\\"df822ad0c019069eec4eb7b82882161bd5518b37c8a5285f7ea651451f2ffa28\\",\\"ratings_sum\\":5,\\"ratings_count\\":1,\\"records\\":2,\\"accounts\\":2}"}, "nodes": []}',
    ),
    "getevidence": (
        '{}',
        '{"evidence": [], "next": null}',
    ),
    "submitevidence": (
        '{"evidence": "028c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f00b88c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f7374d29e898c1cc248984abfbdcbdcda591442373f5a7c48df48ab0258db23480000000100000000000000014813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b244136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a54656b4b50fb6cbd5607c1280c4a7eeb1333acfbfd47ef4d0ca0d771e4f618080b6765746461746168617368651460fa7cf51b98bdafbf1d0938f6586caf5d031ec7204bcc61e7c6eea2201b49cdb56320895f2af34e8690e8ffa9b40c83c2d929a1ca1f24f6c0eaa12d670200b88c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f7374d29e898c1cc248984abfbdcbdcda591442373f5a7c48df48ab0258db23480000000100000000000000014813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b244136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a722c963959d451cda9339a142860d08d5adfe75da2fd8a56bb662969f3a63da40b6765746461746168617368c7686db0178fedc844e84b48a90d56d070884b029099d280e41eacba54ef16e64234c7afa7ba24b7fa4ed9ce483ce62f66da849e63a27838d199dfb2415f6205"}',
        '{"is_new": true, "kept": {"number": 1, "kind": "answers", "culprit": "7374d29e898c1cc248984abfbdcbdcda591442373f5a7c48df48ab0258db2348", "epoch": 0, "is_proof": true, "summary": "The node signed two different answers to the same getdatahash at height 1.", "received": 1790000001, "evidence": "028c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f00b88c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f7374d29e898c1cc248984abfbdcbdcda591442373f5a7c48df48ab0258db23480000000100000000000000014813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b244136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a54656b4b50fb6cbd5607c1280c4a7eeb1333acfbfd47ef4d0ca0d771e4f618080b6765746461746168617368651460fa7cf51b98bdafbf1d0938f6586caf5d031ec7204bcc61e7c6eea2201b49cdb56320895f2af34e8690e8ffa9b40c83c2d929a1ca1f24f6c0eaa12d670200b88c2425c15690e83fd9cb8a6f5ecb8e33c3f67aac02276019bb49ee17238e6d7f7374d29e898c1cc248984abfbdcbdcda591442373f5a7c48df48ab0258db23480000000100000000000000014813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b244136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a722c963959d451cda9339a142860d08d5adfe75da2fd8a56bb662969f3a63da40b6765746461746168617368c7686db0178fedc844e84b48a90d56d070884b029099d280e41eacba54ef16e64234c7afa7ba24b7fa4ed9ce483ce62f66da849e63a27838d199dfb2415f6205"}}',
    ),
    "subscribe": (
        '{"topic": "records", "filter": {"collection": "film"}, "after": {"height": 2, "index": 0}}',
        '{"subscription": "1", "cursor": {"height": 2, "index": 0}}',
    ),
    "unsubscribe": (
        '{"subscription": "1"}',
        '{"subscription": "1", "cursor": {"height": 2, "index": 0}}',
    ),
}
"""Parameters and result of one call of each method, JSON texts."""
