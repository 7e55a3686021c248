r"""ControlVAE (Shao et al. 2020): the weight of the divergence is controlled to a set point.

.. math:: -\mathbb E_q [\log p(x \mid u)] + \beta(t) \, KL(q(u \mid x) \Vert p(u))

No gradient passes :math:`\beta(t)`, which a proportional-integral controller moves so that the
divergence of the batch's mean becomes ``target`` (:mod:`ssavl.methods.controller`). At rest it is
the Lagrange multiplier of that constraint. The paper's gains are for 1e6 iterations; ours are
larger, for thousands.
"""

from __future__ import annotations

from functools import partial

import torch
from pydantic import Field, model_validator

from ssavl.engine.memory import Memory
from ssavl.images.draws import Draws
from ssavl.methods.autoencoder import Autoencoder, autoencoder
from ssavl.methods.controller import Controller
from ssavl.methods.method import Common, Method
from ssavl.methods.shared import Terms, negative
from ssavl.objectives.elbo import Bound
from ssavl.params.section import Section
from ssavl.params.shared import RelaxationParams, Weight


class Params(Section):
    """What ControlVAE reads of its own."""

    target: Weight = Field(15.0, description="nats that the divergence is led to")
    proportional: Weight = Field(0.01, description="the controller's gain on the present error")
    integral: Weight = Field(0.001, description="its gain on the sum of past errors")
    lowest: Weight = Field(0.0, description="least weight of the divergence")
    highest: Weight = Field(10.0, description="largest weight of the divergence")
    relaxation: RelaxationParams = RelaxationParams()

    @model_validator(mode="after")
    def _ordered(self) -> Params:
        if self.lowest > self.highest:
            raise ValueError(f"lowest = {self.lowest:g} is above highest = {self.highest:g}")
        return self


def build(params: Params, common: Common, data: Draws) -> Method:
    """The generator and its encoders, in one phase; the controller remembers."""
    parts = autoencoder("control-vae", common, data)
    gains = params.target, params.proportional, params.integral
    controller, memory = Controller(*gains, params.lowest, params.highest), Controller.memory()
    terms = partial(controlled_terms, parts, controller, memory, params.relaxation)
    return parts.method("control-vae", terms, remembers={"controller": memory})


def controlled_terms(
    parts: Autoencoder,
    controller: Controller,
    memory: Memory,
    relaxation: RelaxationParams,
    update: int,
) -> Terms:
    """Minus the likelihood, and the divergence at its present weight."""
    seen = parts.see(relaxation)
    found = Bound(seen.log_likelihood, seen.posterior.kl())
    kl = torch.stack(list(found.kl.values())).sum(0)
    weight = controller.weigh(kl.mean(), memory)
    terms = negative(found, 1.0)
    return {**terms, "loss": weight * kl - found.log_likelihood, "weight": weight.expand(len(kl))}
