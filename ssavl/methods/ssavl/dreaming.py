r"""Dreaming: encoders learn from the generator's own images (Eqs. 25, 26; Eq. 27).

.. math:: L_{omega} = E_{q_\omega(d, c | x')} [\log p(x' | \tilde z, d, c)]
          - \beta KL(q_\omega(d, c | x') || p(d, c))

and the same with the noise inferred and the codes given. On a space of noise alone that is Eq. 27.
``latent-nll`` is :math:`-\log q` of the latents that made the image: they are known, so no gradient
passes the generator. A block that a transformation leaves as it was, a category above all, is still
known of the transformed image. So it can be learned from images that the generator cannot make
(:func:`surviving`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ssavl.engine.phase import Phase
from ssavl.generators.protocol import Generator
from ssavl.latents.space import LatentSpace
from ssavl.methods.shared import Terms, Transform, bound, negative, part
from ssavl.networks.encoder import Encoder
from ssavl.objectives.likelihood import Likelihood
from ssavl.objectives.mutual_information import code_nll
from ssavl.params.shared import Objective, RelaxationParams


@dataclass(frozen=True)
class Fitting:
    """What encoders are fitted by.

    Attributes:
        likelihood: the observation model of the bounds.
        beta: weight of every KL.
        relaxation: how a category is drawn.
        objective: ``elbo``, ``latent-nll``, or ``both``, their sum.
        image_noise: deviation of Gaussian noise added to generated images. Where it is the
            likelihood's sigma, ``latent-nll`` learns the posterior of that observation model.
        transform: applied to generated images ``(B, C, H, W)`` before encoders see them. Encoders
            that have met images which their generator cannot make do better on real ones.
        survivors: weights of blocks that a transformed image still shows, by their names. With
            any, transformed images serve to learn these blocks, and the objective sees images as
            they were made. Without, they serve the bound, which holds for any image.
    """

    likelihood: Likelihood
    beta: float
    relaxation: RelaxationParams
    objective: Objective = "elbo"
    image_noise: float = 0.0
    transform: Transform | None = None
    survivors: Mapping[str, float] = field(default_factory=dict)

    def seen(self, made: Tensor) -> Tensor:
        """What the objective sees of images ``(B, C, H, W)``."""
        return made if self.survivors or self.transform is None else self.transform(made)


@dataclass(frozen=True)
class Dream:
    """A generator that is dreamt with, and the encoders that learn from it.

    Attributes:
        encoders: by module name.
        generator: frozen; gradients flow through it, but for ``latent-nll``.
        latents: draws a batch ``(B, D)`` from the prior.
    """

    encoders: Mapping[str, Encoder]
    generator: Generator
    latents: Callable[[], Tensor]
    fitting: Fitting


def dreams(dream: Dream) -> tuple[Phase, ...]:
    """A phase per encoder: Eqs. 25 and 26."""
    return tuple(
        Phase(name.replace("_", "-"), (name,), partial(dream_terms, dream, name))
        for name in dream.encoders
    )


def dream_terms(dream: Dream, name: str, update: int) -> Terms:
    """The objective of one encoder.

    It infers its own blocks and is given the others as they were drawn.
    """
    encoder, fitting = dream.encoders[name], dream.fitting
    space = dream.generator.latent_space
    drawn = dream.latents()
    made = _images(dream, drawn)
    x = fitting.seen(made)
    posterior = encoder.posterior(x)
    terms: Terms = {}
    if fitting.objective != "latent-nll":
        given = {**space.split(drawn), **_inferred(dream, name, x)}
        found = bound(posterior, x, dream.generator, fitting.likelihood, fitting.relaxation, given)
        terms = negative(found, fitting.beta)
    if fitting.objective != "elbo":
        nll = code_nll(posterior, part(drawn, space, encoder.space))
        total = torch.stack(list(nll.values())).sum(0)
        terms |= {"loss": terms.get("loss", 0) + total}
        terms |= {f"nll_{block}": term for block, term in nll.items()}
    return surviving(terms, (encoder,), space, drawn, made, fitting)


def surviving(
    terms: Terms,
    encoders: Iterable[Encoder],
    space: LatentSpace,
    drawn: Tensor,
    made: Tensor,
    fitting: Fitting,
) -> Terms:
    """An objective, plus ``-log q`` of each surviving block given the transformed image.

    Args:
        terms: of the objective.
        encoders: of which those that infer a survivor learn.
        space: of the latents ``drawn``, ``(B, D)``, that made the images ``made``.
    """
    learning = [own for own in encoders if any(name in own.space for name in fitting.survivors)]
    if not learning or fitting.transform is None:
        return terms
    transformed = fitting.transform(made)
    for encoder in learning:
        nll = code_nll(encoder.posterior(transformed), part(drawn, space, encoder.space))
        for name in fitting.survivors.keys() & nll.keys():
            terms |= {f"nll_transformed_{name}": nll[name]}
            terms |= {"loss": terms["loss"] + fitting.survivors[name] * nll[name]}
    return terms


def _images(dream: Dream, drawn: Tensor) -> Tensor:
    """What the generator makes of these latents, with the noise that encoders expect."""
    with torch.no_grad():
        made = dream.generator(drawn)
    noise = dream.fitting.image_noise
    return made + noise * torch.randn_like(made) if noise else made


def _inferred(dream: Dream, name: str, x: Tensor) -> Mapping[str, Tensor]:
    """What the noise encoder is given of the codes where a bound sees transformed images: a draw.

    Codes can express a transformation, so those that were drawn no longer describe the image.
    """
    codes, fitting = dream.encoders.get("code_encoder"), dream.fitting
    as_made = fitting.transform is None or fitting.survivors
    if as_made or codes is None or dream.encoders[name] is codes:
        return {}
    with torch.no_grad():
        inferred = codes.posterior(x)
    return inferred.space.split(inferred.sample())
