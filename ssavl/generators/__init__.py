"""Generators behind one protocol, whoever trained them."""
