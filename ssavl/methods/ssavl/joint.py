r"""SS-AVL-R: all encoders on the one joint bound (Eq. 18).

.. math:: E_{q(d, c, z | x)} [\log p(x | d, c, z)] - \beta KL(q(d, c, z | x) || p(d, c, z))

With the generator among the modules it is a variational autoencoder (Kingma & Welling 2014), on
real images.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from operator import or_

from torch import Tensor

from ssavl.engine.phase import Phase, alike
from ssavl.generators.protocol import Generator
from ssavl.methods.shared import Terms, bound, negative, part
from ssavl.methods.ssavl.dreaming import Fitting, read, surviving
from ssavl.models.inference import InferenceModel

# a batch (B, C, H, W), and the latents (B, D) that made it: of real images there are none
Images = Callable[[], tuple[Tensor, Tensor | None]]


def joint_phase(
    model: InferenceModel,
    modules: tuple[str, ...],
    generator: Generator,
    images: Images,
    fitting: Fitting,
) -> Phase:
    """The one phase.

    Args:
        model: over every block of the generator's space.
        modules: names of its encoders among the run's modules.
        generator: frozen; gradients flow through it.
        images: draws a batch.
    """
    terms = partial(joint_terms, model, generator, images, fitting)
    return Phase("encoders", modules, terms, varies=alike)


def joint_terms(
    model: InferenceModel,
    generator: Generator,
    images: Images,
    fitting: Fitting,
    update: int,
) -> Terms:
    """Minus Eq. 18."""
    made, drawn = images()
    x, space = fitting.seen(made), generator.latent_space
    inferred = [read(encoder, x, made, fitting) for encoder in model.factorised]
    posterior = reduce(or_, (plain for plain, _ in inferred))
    found = bound(posterior, x, generator, fitting.likelihood, fitting.relaxation, {})
    terms = negative(found, fitting.beta)
    if drawn is None:
        return terms
    for encoder, (_, transformed) in zip(model.factorised, inferred, strict=True):
        terms = surviving(terms, transformed, part(drawn, space, encoder.space), fitting)
    return terms
