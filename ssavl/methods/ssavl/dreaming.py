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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ssavl.engine.phase import Phase, alike
from ssavl.generators.protocol import Generator
from ssavl.latents.space import Factorised
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


class Dreamt:
    """Latents and their images: the phases of one iteration share its batches, since the generator
    stands still between them. Of a batch in pieces each piece is one.

    Nothing of it outlives an iteration.
    """

    def __init__(self, dream: Dream) -> None:
        self.dream = dream
        self._update = -1
        self._batches: list[tuple[Tensor, Tensor]] = []
        self._taken: dict[str, int] = {}

    def take(self, name: str, update: int) -> tuple[Tensor, Tensor]:
        """Latents ``(B, D)`` and images ``(B, C, H, W)`` for the encoder of a name.

        Args:
            update: number of the iteration; who is the first in it to ask for a batch makes it.
        """
        if update != self._update:
            self._update, self._batches, self._taken = update, [], {}
        place = self._taken.get(name, 0)
        if place == len(self._batches):
            drawn = self.dream.latents()
            self._batches.append((drawn, _images(self.dream, drawn)))
        self._taken[name] = place + 1
        return self._batches[place]


def dreams(dream: Dream) -> tuple[Phase, ...]:
    """A phase per encoder: Eqs. 25 and 26."""
    dreamt = Dreamt(dream)
    return tuple(
        Phase(name.replace("_", "-"), (name,), partial(dream_terms, dreamt, name), varies=alike)
        for name in dream.encoders
    )


def dream_terms(dreamt: Dreamt, name: str, update: int) -> Terms:
    """The objective of one encoder.

    It infers its own blocks and is given the others as they were drawn.
    """
    dream = dreamt.dream
    encoder, fitting = dream.encoders[name], dream.fitting
    space = dream.generator.latent_space
    drawn, made = dreamt.take(name, update)
    x = fitting.seen(made)
    posterior, transformed = read(encoder, x, made, fitting)
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
    return surviving(terms, transformed, part(drawn, space, encoder.space), fitting)


def read(
    encoder: Encoder, x: Tensor, made: Tensor, fitting: Fitting
) -> tuple[Factorised, Factorised | None]:
    """What an encoder infers of images, and of transformed ones where it learns survivors.

    Args:
        x: what the objective sees of the images ``made``, ``(B, C, H, W)`` both.
    """
    learns = any(name in encoder.space for name in fitting.survivors)
    if fitting.transform is None or not learns:
        return encoder.posterior(x), None
    plain, transformed = encoder(torch.cat([x, fitting.transform(made)])).split(len(x))
    return encoder.space.posterior(plain), encoder.space.posterior(transformed)


def surviving(
    terms: Terms, transformed: Factorised | None, known: Tensor, fitting: Fitting
) -> Terms:
    """An objective, plus ``-log q`` of each surviving block given the transformed image.

    Args:
        terms: of the objective.
        transformed: what an encoder infers of transformed images, if it learns from them.
        known: the latents ``(B, transformed.space.dim)`` that made them.
    """
    if transformed is None:
        return terms
    nll = code_nll(transformed, known)
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
