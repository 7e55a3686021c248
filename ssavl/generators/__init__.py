"""Generators behind one protocol, whoever trained them."""

from ssavl.generators.load import AnyGenerator
from ssavl.generators.load import load as load_generator
from ssavl.generators.protocol import Generator
from ssavl.generators.source import GeneratorSource, Source, WeightsFile

__all__ = [
    "AnyGenerator",
    "Generator",
    "GeneratorSource",
    "Source",
    "WeightsFile",
    "load_generator",
]
