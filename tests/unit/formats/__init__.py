"""Formats against their vectors, their own inverses, and any bytes whatever."""
