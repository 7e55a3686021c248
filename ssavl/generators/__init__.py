"""Generators behind one protocol, whoever trained them."""

from ssavl.generators.load import load_bundle, load_generator
from ssavl.generators.own import Loaded
from ssavl.generators.protocol import Generator
from ssavl.generators.source import GeneratorSource, Source, WeightsFile

__all__ = [
    "Generator",
    "GeneratorSource",
    "Loaded",
    "Source",
    "WeightsFile",
    "load_bundle",
    "load_generator",
]
