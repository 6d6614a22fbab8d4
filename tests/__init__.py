"""Tests of cloudnode: ``tests.unit`` runs under trial, ``tests.integration`` under pytest."""
