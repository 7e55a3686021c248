r"""SS-AVL-R: all encoders on the one joint bound (Eq. 18).

.. math:: E_{q(d, c, z | x)} [\log p(x | d, c, z)] - \beta KL(q(d, c, z | x) || p(d, c, z))

With the generator among the modules it is a variational autoencoder (Kingma & Welling 2014), on
real images.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from ssavl.engine.phase import Phase
from ssavl.generators.protocol import Generator
from ssavl.methods.shared import Terms, bound, negative
from ssavl.methods.ssavl.dreaming import Fitting
from ssavl.models.inference import InferenceModel


def joint_phase(
    model: InferenceModel,
    modules: tuple[str, ...],
    generator: Generator,
    images: Callable[[], Tensor],
    fitting: Fitting,
) -> Phase:
    """The one phase.

    Args:
        model: over every block of the generator's space.
        modules: names of its encoders among the run's modules.
        generator: frozen; gradients flow through it.
        images: draws a batch ``(B, C, H, W)``, generated or real.
    """
    return Phase("encoders", modules, partial(joint_terms, model, generator, images, fitting))


def joint_terms(
    model: InferenceModel,
    generator: Generator,
    images: Callable[[], Tensor],
    fitting: Fitting,
    update: int,
) -> Terms:
    """Minus Eq. 18."""
    x = images()
    posterior = model.posterior(x)
    found = bound(posterior, x, generator, fitting.likelihood, fitting.relaxation, {})
    return negative(found, fitting.beta)
