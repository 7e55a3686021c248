"""Every method by its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ssavl.errors import UserError
from ssavl.images.draws import Draws
from ssavl.methods.autoencoders import (
    beta_tcvae,
    beta_vae,
    control_vae,
    factor_vae,
    info_vae,
    joint_vae,
    mae,
    vae,
    wwae,
)
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


ALL = ABILITIES
AUTOENCODERS = "autoencoders"

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
        AUTOENCODERS,
        "Kingma & Welling, Auto-Encoding Variational Bayes, 2014",
        ALL,
    ),
    "beta-vae": Entry(
        beta_vae.build,
        beta_vae.Params,
        AUTOENCODERS,
        "Higgins et al., beta-VAE, 2017; Burgess et al., 2018",
        ALL,
    ),
    "beta-tcvae": Entry(
        beta_tcvae.build,
        beta_tcvae.Params,
        AUTOENCODERS,
        "Chen et al., Isolating Sources of Disentanglement, 2018",
        ALL,
    ),
    "factor-vae": Entry(
        factor_vae.build,
        factor_vae.Params,
        AUTOENCODERS,
        "Kim & Mnih, Disentangling by Factorising, 2018",
        ALL,
    ),
    "joint-vae": Entry(
        joint_vae.build,
        joint_vae.Params,
        AUTOENCODERS,
        "Dupont, Learning Disentangled Joint Representations, 2018",
        ALL,
    ),
    "info-vae": Entry(
        info_vae.build,
        info_vae.Params,
        AUTOENCODERS,
        "Zhao et al., InfoVAE, 2019",
        ALL,
    ),
    "control-vae": Entry(
        control_vae.build,
        control_vae.Params,
        AUTOENCODERS,
        "Shao et al., ControlVAE, 2020",
        ALL,
    ),
    "mae": Entry(
        mae.build,
        mae.Params,
        AUTOENCODERS,
        "Ma et al., MAE: Mutual Posterior-Divergence Regularization, 2019",
        ALL,
    ),
    "wwae": Entry(
        wwae.build,
        wwae.Params,
        AUTOENCODERS,
        "Zhang et al., Wasserstein-Wasserstein Auto-Encoders, 2019",
        ALL,
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
