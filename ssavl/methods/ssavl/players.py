"""Who plays: the networks, and what their losses draw from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from ssavl.engine.schedule import openings, ramp
from ssavl.images.draws import Draws
from ssavl.latents.names import Role
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods import networks
from ssavl.methods.method import Common
from ssavl.methods.shared import Latents
from ssavl.methods.ssavl.clusters import Clustering, build_clustering
from ssavl.networks.critic import Critic
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.params.ssavl import OpeningParams, SsAvlParams


@dataclass(frozen=True)
class Players:
    """Everything that the losses of :mod:`.wake` and :mod:`.information` speak of.

    An encoder that the schedule or the space leaves out is ``None``.

    Attributes:
        felt: how far the generator feels L_MI in this iteration, of shape ``()``.
    """

    generator: ConvGenerator
    critic: Critic
    code_encoder: Encoder | None
    noise_encoder: Encoder | None
    clustering: Clustering | None
    params: SsAvlParams
    data: Draws
    latents: Latents
    rng: torch.Generator
    felt: Tensor

    @property
    def space(self) -> LatentSpace:
        """Of the generator."""
        return self.generator.latent_space

    @property
    def encoders(self) -> dict[str, Encoder]:
        """Those that exist, by the name that phases use."""
        pairs = {"code_encoder": self.code_encoder, "noise_encoder": self.noise_encoder}
        return {name: encoder for name, encoder in pairs.items() if encoder is not None}

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All that is trained or remembered, by name."""
        found: dict[str, nn.Module] = {"generator": self.generator, "critic": self.critic}
        found |= self.encoders
        if self.clustering is not None:
            found |= {"embedding": self.clustering.embedding, "clusters": self.clustering.memory}
        return found

    def block(self, role: Role) -> Block | None:
        """The block with a role, where there is one."""
        return next(iter(self.space.of_role(role)), None)

    def open(self, step: int) -> tuple[float, ...]:
        """How far each dimension of a code is open at a step; empty: all are, from the start."""
        code, opening = self.block("code"), self.params.code_opening
        if code is None or opening == OpeningParams():
            return ()
        return tuple(openings(step, code.dim, opening.start, opening.every, opening.length))

    def shares(self, step: int) -> dict[str, Tensor]:
        """The same by block name, ``(dim,)`` each."""
        code, now = self.block("code"), self.open(step)
        if code is None or not now:
            return {}
        return {code.name: _on_device(now, self.rng.device)}

    def begin(self, step: int) -> None:
        """What time decides: how far L_MI is felt, and codes let into the generator."""
        warmup = self.params.mi_warmup
        self.felt.fill_(ramp(step, warmup.start, warmup.length))
        code, now = self.block("code"), self.open(step)
        if code is not None and now:
            self.generator.open_block(code.name, now)


@lru_cache
def _on_device(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Numbers that come back in each iteration: a copy from the host would hold up a GPU."""
    return torch.tensor(values, device=device)


def invite(params: SsAvlParams, common: Common, data: Draws) -> Players:
    """Untrained networks.

    Raises:
        ValueError: an image size that cannot be made, a gain for an unknown block, too few
            categories, or too few images to cluster.
    """
    shapes, shape = common.networks, data.image_shape
    generator = networks.generator(common.latents, shapes, shape)
    space = generator.latent_space
    critic = Critic(networks.trunk(shapes.critic, shape))
    code_encoder = noise_encoder = clustering = None
    if space.of_role("code", "category"):
        own_trunk = networks.trunk(shapes.encoder, shape)
        trunk = critic.trunk if params.shared_trunk else own_trunk
        code_encoder = Encoder(trunk, space.subspace("code", "category"))
    if params.schedule == "interleaved":
        noise_encoder = Encoder(networks.trunk(shapes.encoder, shape), space.subspace("noise"))
    if params.real_clusters.iterations and common.latents.categories:
        embedded = networks.trunk(shapes.encoder, shape)
        categories = common.latents.categories
        clustering = build_clustering(params.real_clusters, embedded, data, categories, common.seed)
    latents = Latents(space, common.batch_size, common.rng)
    return Players(
        generator,
        critic,
        code_encoder,
        noise_encoder,
        clustering,
        params,
        data,
        latents,
        common.rng,
        torch.zeros((), device=common.rng.device),
    )
