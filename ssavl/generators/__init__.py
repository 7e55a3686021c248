"""Generators behind one protocol, whoever trained them."""

from ssavl.generators.own import load_generator as load_generator
from ssavl.generators.protocol import Generator as Generator
