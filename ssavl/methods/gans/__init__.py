"""Generative adversarial networks: a generator and its judge, some with codes that can be read."""
