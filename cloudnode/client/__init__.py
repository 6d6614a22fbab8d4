"""A light client of one node over any transport: calls, subscriptions, and operations signed here."""
