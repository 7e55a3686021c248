"""The noun: what every file of a method builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ssavl.engine.act import Act
from ssavl.images.draws import Draws
from ssavl.models.protocol import Clusterer
from ssavl.networks.embedding import Embedding
from ssavl.networks.encoder import Encoder, EncoderNetwork
from ssavl.networks.generator import GeneratorNetwork
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import LatentsParams, NetworksParams, OptimisationParams
from ssavl.params.stages import Params


@dataclass(frozen=True)
class Common:
    """What every method is given, whatever it makes of it.

    Attributes:
        optimisation: how long and how fast; of a method with several acts, of the last.
        latents, networks: sizes.
        likelihood: the observation model of bounds.
        beta: weight of every KL divergence.
        seed: of what does not draw from ``rng``.
        rng: what losses draw latents, epsilons and transformations from.
    """

    optimisation: OptimisationParams
    latents: LatentsParams
    networks: NetworksParams
    likelihood: Likelihood
    beta: float
    seed: int
    rng: torch.Generator

    @classmethod
    def of(cls, params: Params, optimisation: OptimisationParams, rng: torch.Generator) -> Common:
        """What the parameters say of it."""
        return cls(
            optimisation,
            params.latents,
            params.networks,
            Likelihood.of(params.likelihood),
            params.beta,
            params.seed,
            rng,
        )

    @property
    def batch_size(self) -> int:
        """Images per loss: of a batch that is computed in pieces, of one piece."""
        return self.optimisation.piece


@dataclass(frozen=True)
class Leaves:
    """What a training leaves. What the result can do follows from it.

    Attributes:
        generator: latents to images.
        encoders: over disjoint blocks of its latent space, ready to be used.
        training_encoders: such as only helped to train the generator; a fit can start from them.
        clusterer: images to probabilities of a category that no generator reads.
        sorter: what sorted the real images for the training; what it says of images by itself is a
            baseline of what was trained.
    """

    generator: GeneratorNetwork | None = None
    encoders: tuple[EncoderNetwork, ...] = ()
    training_encoders: tuple[Encoder, ...] = ()
    clusterer: Clusterer | None = None
    sorter: Embedding | None = None


def nothing() -> dict[str, Any]:
    """What most methods add to ``run.json``."""
    return {}


@dataclass(frozen=True)
class Method:
    """A method, ready to run.

    Attributes:
        modules: by name, all that is trained OR remembered from one iteration to the next.
        acts: one after another: pretraining, clusters, the game itself.
        leaves: what stays.
        averaged: decay of the moving average of weights, by the name of a module.
        record: called at the end, what ``run.json`` says beside.
    """

    modules: Mapping[str, nn.Module]
    acts: tuple[Act, ...]
    leaves: Leaves
    averaged: Mapping[str, float] = field(default_factory=dict)
    record: Callable[[], Mapping[str, Any]] = nothing


Build = Callable[[Any, Common, Draws], Method]  # (the method's own Params, common, data)
