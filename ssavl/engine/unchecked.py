"""Distributions whose parameters nobody checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.distributions import Distribution


@contextmanager
def unchecked() -> Iterator[None]:
    """A block in which no distribution looks at its parameters and samples.

    A look costs time, and makes the CPU wait for a GPU; what is not finite is found out all the
    same. ``validate_args=False`` does not reach the distributions that some are made of.
    """
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
