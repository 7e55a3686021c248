r"""MVAE, the deep mixture generative autoencoder (Ye & Bors 2022).

K encoders, K networks from their noise to hidden numbers, and one network from the mixed hidden
numbers to an image: :math:`\hat x = G(\sum_k a_k h_k(z_k))`. Encoders also say how much of an image
is theirs, :math:`a \sim Dir(\pi(x))`:

.. math:: L = -\log p(x \mid z, a) + \frac1K \sum_k KL(q(z_k \mid x) \Vert \mathcal N(0, I))
          + KL(Dir(\pi(x)) \Vert Dir(1, \dots, 1)) + \gamma \, dHSIC(z_1, \dots, z_K)

dHSIC makes the components independent (:func:`ssavl.objectives.kernels.dhsic`). With ``dropout``
the number of components is learned: each is kept with one learned probability, by a relaxed draw
for each image, whose entropy is a further term. What is mixed are hidden numbers and not densities,
so L is no bound of a mixture's evidence. The prior of the shares is uniform, where the paper has
1/K: that one can be drawn from by a map of standard numbers, as everything else here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Dirichlet, Normal, RelaxedBernoulli, kl_divergence

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase
from ssavl.images.draws import Draws
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods import networks
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.shared import NORMALISED, Terms
from ssavl.networks.components import ComponentEncoders, MixingGenerator
from ssavl.objectives.kernels import dhsic
from ssavl.params.section import Section
from ssavl.params.shared import Size, Weight

TEMPERATURE = 0.1  # of a relaxed draw of who is kept


class Params(Section):
    """What MVAE reads of its own."""

    components: Annotated[int, Field(ge=1, le=64)] = Field(4, description="K, at most")
    hidden: Size = Field(64, description="hidden numbers that are mixed")
    independence: Weight = Field(1.0, description="gamma, of dHSIC")
    dropout: bool = Field(False, description="learn how many components are kept")


class Kept(nn.Module):
    """One learned probability that a component is kept, as a logit."""

    def __init__(self) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.ones(()))


@dataclass(frozen=True)
class Players:
    """Both networks, and what they are trained with; ``kept`` where components are dropped."""

    generator: MixingGenerator
    encoder: ComponentEncoders
    kept: Kept | None
    common: Common
    data: Draws
    independence: float


def build(params: Params, common: Common, data: Draws) -> Method:
    """All of it, in one phase."""
    space = LatentSpace([Block("noise", "noise", "normal", params.hidden)])
    decoder = networks.generator(common.latents, common.networks, data.image_shape, space)
    size, count = common.latents.noise, params.components
    generator = MixingGenerator.untrained(count, size, decoder)
    trunks = [networks.trunk(common.networks.encoder, data.image_shape) for _ in range(count)]
    encoder, kept = ComponentEncoders(trunks, size), Kept() if params.dropout else None
    terms = partial(
        mixed_terms, Players(generator, encoder, kept, common, data, params.independence)
    )
    modules = {"generator": generator, "encoder": encoder, **({"kept": kept} if kept else {})}
    phases = (Phase("encoders", tuple(modules), terms),)
    why = f"{NORMALISED}; dHSIC is of a whole batch"
    act = Act("mvae", phases, common.optimisation, coupled=why)
    return Method(modules, (act,), Leaves(generator, (encoder,)))


def mixed_terms(players: Players, update: int) -> Terms:
    """L."""
    x = players.data.real(players.common.batch_size)
    z, shares = players.encoder.read(x)
    drawn = z.rsample()
    mixing, price = keep(shares.rsample(), players.kept)
    log_likelihood = players.common.likelihood(x, players.generator.mixed(drawn, mixing))
    of_z = kl_divergence(z, Normal(0.0, 1.0)).sum(-1).mean(-1)
    of_shares = kl_divergence(shares, Dirichlet(torch.ones_like(shares.concentration)))
    dependence = dhsic(drawn.unbind(1)) if drawn.shape[1] > 1 else drawn.new_zeros(())
    loss = of_z + of_shares + players.independence * dependence + price - log_likelihood
    told = {"kl_z": of_z, "kl_shares": of_shares, "dhsic": dependence.expand_as(loss)}
    return {"loss": loss, "log_likelihood": log_likelihood, **told}


def keep(shares: Tensor, kept: Kept | None) -> tuple[Tensor, Tensor]:
    """Shares ``(B, K)`` of the components that are kept, and the entropy of who is, in nats."""
    if kept is None:
        return shares, shares.new_zeros(())
    law = RelaxedBernoulli(torch.tensor(TEMPERATURE), logits=kept.logit.expand_as(shares))
    own = shares * law.rsample().clamp_min(1e-3)
    probability = kept.logit.sigmoid()
    entropy = -(
        torch.xlogy(probability, probability) + torch.xlogy(1 - probability, 1 - probability)
    )
    return own / own.sum(-1, keepdim=True), entropy
