r"""InfoGAN-CR (Lin et al. 2020): a code is what two images can be seen to share.

InfoGAN, and a second reader that sees pairs of images. Both have the same noise, the same category
and one code k alike; the other codes are drawn for each. The reader tells k, and from iteration
``start`` on the generator is rewarded where it can:
:math:`-\mathbb E \log R(k \mid G(u), G(u'))`. A generator that ignores its codes leaves it at
log n for n codes. Lin et al. train the reader all along and let it count in the last tenth of the
training. They hold the deviation of Q fixed, with spectral norms in all judges; here Q learns it,
and there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ssavl.engine.act import Act
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase
from ssavl.images.draws import Draws
from ssavl.methods.gan import Gan, gan, logistic_critic_terms, logistic_generator_terms
from ssavl.methods.method import Common, Leaves, Method
from ssavl.methods.reading import Reader, reading_terms
from ssavl.methods.shared import NORMALISED, Latents, Terms
from ssavl.networks.encoder import Encoder
from ssavl.networks.pair_reader import PairReader
from ssavl.networks.trunk import Trunk
from ssavl.params.section import Section
from ssavl.params.shared import Number, Weight


class Params(Section):
    """What InfoGAN-CR reads of its own."""

    category: Weight = Field(1.0, description="weight of the information about the category")
    code: Weight = Field(0.1, description="weight of the information about codes")
    contrast: Weight = Field(2.0, description="weight of what pairs show")
    start: Number = Field(10000, description="iteration from which on that counts")


@dataclass(frozen=True)
class Pairs:
    """Who sees pairs, and of which code."""

    reader: PairReader
    code: str
    count: int


def build(params: Params, common: Common, data: Draws) -> Method:
    """Reader of pairs, discriminator, generator, reading, and the reward.

    Raises:
        ValueError: fewer than two codes.
    """
    players = gan(common, data)
    if common.latents.code < 2:
        raise ValueError("pairs are told apart by which code they share: set latents.code >= 2")
    channels, height, side = data.image_shape
    shape = common.networks.critic
    trunk = Trunk((2 * channels, height, side), shape.width, shape.features)
    pairs = Pairs(PairReader(trunk, common.latents.code), "code", common.latents.code)
    encoder = Encoder(players.critic.trunk, players.space.subspace("code", "category"))
    read = partial(reading_terms, players, Reader(encoder, params.category, params.code))
    reward = partial(contrast_terms, players, pairs, params.contrast)
    phases = (
        Phase("pairs", ("pairs",), partial(contrast_terms, players, pairs, 1.0)),
        Phase("critic", ("critic",), partial(logistic_critic_terms, players)),
        Phase("generator", ("generator",), partial(logistic_generator_terms, players)),
        Phase("information", ("generator", "encoder"), read),
        Phase("contrast", ("generator",), reward, span=(params.start, None)),
    )
    slower = {"critic": Optimiser(rate=0.2)}
    act = Act("infogan-cr", phases, common.optimisation, optimisers=slower, coupled=NORMALISED)
    modules = {"generator": players.generator, "critic": players.critic, "encoder": encoder}
    return Method({**modules, "pairs": pairs.reader}, (act,), Leaves(players.generator, (encoder,)))


def contrast_terms(players: Gan, pairs: Pairs, weight: float, update: int) -> Terms:
    """-log R of the code that two images share, in nats."""
    first, second, shared = drawn_pairs(players.latents, pairs)
    images = players.generator(torch.cat([first, second])).chunk(2)
    logits = pairs.reader(*images)
    right = (logits.argmax(-1) == shared).float()
    loss = weight * F.cross_entropy(logits, shared, reduction="none")
    return {"loss": loss, "accuracy": right}


def drawn_pairs(latents: Latents, pairs: Pairs) -> tuple[Tensor, Tensor, Tensor]:
    """Latents ``(B, D)`` twice, with one code and no other in common, and its number ``(B,)``."""
    space, rng, n = latents.space, latents.rng, latents.n
    first, other = latents.new(), space.sample(n, rng)
    shared = torch.randint(pairs.count, (n,), generator=rng, device=rng.device)
    parts, others = space.split(first), space.split(other)
    keep = F.one_hot(shared, pairs.count).bool()
    codes = torch.where(keep, parts[pairs.code], others[pairs.code])
    return first, space.join({**parts, pairs.code: codes}), shared
