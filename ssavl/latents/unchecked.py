"""Distributions whose parameters nobody checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch.distributions import Distribution


@contextmanager
def unchecked() -> Iterator[None]:
    """A block in which distributions are made without a look at their parameters.

    ``validate_args=False`` does not reach the distributions that some are made of (a one-hot
    category's), and a look at parameters makes the CPU wait for a GPU.
    """
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
