"""The rules of the ledger, as pure functions over a store: sum trie, proofs, execution, audit."""
