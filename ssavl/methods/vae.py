r"""A variational autoencoder (Kingma & Welling 2014) of SS-AVL's architecture:
what real images would have given.

Generator, code encoder and noise encoder learn together from real images, by the joint bound of
SS-AVL-R

.. math:: \mathbb E_q [\log p(x \mid d, c, z)] - \beta \, KL(q(d, c, z \mid x) \Vert p(d, c, z))

(Ye & Bors 2024, Eq. 18). A VAE is this bound with the generator among the modules that learn, so it
needs no loss of its own, and its phase is that of SS-AVL-R.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ssavl.engine.phase import Phase
from ssavl.latents.space import LatentSpace
from ssavl.methods.ssavl import Fitting, joint_phase, latent_space
from ssavl.models.inference import InferenceModel
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.layout import ImageShape
from ssavl.networks.trunk import Trunk
from ssavl.params.stages import TrainGanParams

NAME = "vae"


def build_vae(
    params: TrainGanParams, image_shape: ImageShape
) -> tuple[ConvGenerator, InferenceModel]:
    """Untrained networks: those of ``train-gan``, but for the critic.

    Raises:
        ValueError: an image size that cannot be made, or a gain for an unknown block.
    """
    space = latent_space(params)
    generator = ConvGenerator(space, image_shape, params.width, params.hidden, params.block_gain)
    parts = [
        LatentSpace(blocks)
        for blocks in (space.of_role("code", "category"), space.of_role("noise"))
        if blocks
    ]
    width, features = params.encoder.width, params.encoder.features
    return generator, InferenceModel(
        [Encoder(Trunk(image_shape, width, features), part) for part in parts], NAME
    )


def vae_phases(
    model: InferenceModel,
    encoders: tuple[str, ...],
    generator: ConvGenerator,
    real: Callable[[], Tensor],
    fitting: Fitting,
) -> list[Phase]:
    """The one phase.

    Args:
        encoders: names of the encoders among the run's modules, beside ``generator``.
        real: draws a batch ``(B, C, H, W)`` of real images, in [0, 1].
    """
    return [joint_phase(model, ("generator", *encoders), generator, real, fitting)]
