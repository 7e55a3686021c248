"""Every method by its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ssavl.errors import UserError
from ssavl.images.draws import Draws
from ssavl.methods.autoencoders import vae
from ssavl.methods.method import Build, Common, Method
from ssavl.methods.ssavl import game
from ssavl.params.section import Section, one_line
from ssavl.params.ssavl import SsAvlParams

ABILITIES = ("samples", "infers", "clusters", "scores")


@dataclass(frozen=True)
class Entry:
    """A method in the registry.

    Attributes:
        build: makes it: (its own parameters, common, data) to a ``Method``.
        params: what it reads of its own; ``methods: {<name>: ...}`` in the parameters.
        family: of methods.
        reference: the paper.
        can: of :data:`ABILITIES`, what its result can do.
    """

    build: Build
    params: type[Section]
    family: str
    reference: str
    can: tuple[str, ...]


METHODS: dict[str, Entry] = {
    "ss-avl": Entry(
        game.build,
        SsAvlParams,
        "ours",
        "Ye & Bors, Self-Supervised Adversarial Variational Learning, 2024",
        ("samples",),
    ),
    "vae": Entry(
        vae.build,
        vae.Params,
        "autoencoders",
        "Kingma & Welling, Auto-Encoding Variational Bayes, 2014",
        ("samples", "infers", "clusters", "scores"),
    ),
}


def find(name: str) -> Entry:
    """The method of that name.

    Raises:
        UserError: there is none, with the nearest that there is.
    """
    if name not in METHODS:
        nearest = difflib.get_close_matches(name, METHODS, n=1, cutoff=0.4)
        hint = f", did you mean '{nearest[0]}'?" if nearest else ""
        raise UserError(f"unknown method '{name:.80}'{hint}: `ssavl methods` lists them")
    return METHODS[name]


def own_params(name: str, values: Mapping[str, Any]) -> Section:
    """A method's own parameters, checked.

    Args:
        values: what ``methods: {<name>: ...}`` says.

    Raises:
        UserError: an unknown name, with the nearest known one, or a value out of range.
    """
    model = find(name).params
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"methods.{name}: {one_line(error.errors(), model)}") from None


def make(name: str, own: Section, common: Common, data: Draws) -> Method:
    """A method, ready to run.

    Raises:
        UserError: it cannot be made of these images and sizes, and why.
    """
    try:
        return find(name).build(own, common, data)
    except ValueError as error:
        raise UserError(f"{name}: {error}") from None
