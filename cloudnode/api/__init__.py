"""The API: one table of methods, served alike by every transport (docs/api.md)."""
