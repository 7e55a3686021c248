"""Every method by its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from ssavl.errors import UserError
from ssavl.images.draws import Draws
from ssavl.methods.adversarial import aae, age, ali, as_vae, avb, bigan, pixelgan_ae, veegan
from ssavl.methods.autoencoders import (
    beta_tcvae,
    beta_vae,
    control_vae,
    factor_vae,
    info_vae,
    intro_vae,
    joint_vae,
    mae,
    ncp_vae,
    vae,
    vae_gan,
    wwae,
)
from ssavl.methods.gans import catgan, clustergan, infogan, infogan_cr, wgan, wgan_gp
from ssavl.methods.method import Build, Common, Method
from ssavl.methods.mixtures import dec, gmvae, msvi, mvae, sub_gan
from ssavl.methods.ssavl import game
from ssavl.params.section import Section, one_line
from ssavl.params.ssavl import SsAvlParams

ABILITIES = ("samples", "infers", "clusters", "scores")


@dataclass(frozen=True)
class Entry:
    """A method in the registry.

    Attributes:
        build: makes it: (its own parameters, common, data) to a ``Method``.
        params: what it reads of its own; ``methods: {<name>: ...}`` in the parameters.
        family: of methods.
        reference: the paper.
        can: of :data:`ABILITIES`, what its result can do.
    """

    build: Build
    params: type[Section]
    family: str
    reference: str
    can: tuple[str, ...]


ALL, MOST = ABILITIES, ABILITIES[:3]  # without a density nothing is scored
AUTOENCODERS, GANS = "autoencoders", "GANs"
INFERENCE, MIXTURES = "adversarial inference", "clustering and mixtures"


class MethodFile(Protocol):
    """What a file of a method has."""

    @property
    def build(self) -> Build: ...

    @property
    def Params(self) -> type[Section]: ...


def _of(file: MethodFile, family: str, reference: str, can: tuple[str, ...]) -> Entry:
    return Entry(file.build, file.Params, family, reference, can)


METHODS: dict[str, Entry] = {
    "ss-avl": Entry(
        game.build,
        SsAvlParams,
        "ours",
        "Ye & Bors, Self-Supervised Adversarial Variational Learning, 2024",
        ("samples",),
    ),
    "vae": _of(vae, AUTOENCODERS, "Kingma & Welling, Auto-Encoding Variational Bayes, 2014", ALL),
    "beta-vae": _of(
        beta_vae, AUTOENCODERS, "Higgins et al., beta-VAE, 2017; Burgess et al., 2018", ALL
    ),
    "beta-tcvae": _of(
        beta_tcvae, AUTOENCODERS, "Chen et al., Isolating Sources of Disentanglement, 2018", ALL
    ),
    "factor-vae": _of(
        factor_vae, AUTOENCODERS, "Kim & Mnih, Disentangling by Factorising, 2018", ALL
    ),
    "joint-vae": _of(
        joint_vae, AUTOENCODERS, "Dupont, Learning Disentangled Joint Representations, 2018", ALL
    ),
    "info-vae": _of(info_vae, AUTOENCODERS, "Zhao et al., InfoVAE, 2019", ALL),
    "control-vae": _of(control_vae, AUTOENCODERS, "Shao et al., ControlVAE, 2020", ALL),
    "mae": _of(
        mae, AUTOENCODERS, "Ma et al., MAE: Mutual Posterior-Divergence Regularization, 2019", ALL
    ),
    "wwae": _of(
        wwae, AUTOENCODERS, "Zhang et al., Wasserstein-Wasserstein Auto-Encoders, 2019", ALL
    ),
    "intro-vae": _of(intro_vae, AUTOENCODERS, "Huang et al., IntroVAE, 2018", ALL),
    "vae-gan": _of(vae_gan, AUTOENCODERS, "Larsen et al., Autoencoding beyond Pixels, 2016", ALL),
    "ncp-vae": _of(
        ncp_vae,
        AUTOENCODERS,
        "Aneja et al., A Contrastive Learning Approach for Training VAE Priors, 2021",
        ALL,
    ),
    "ali": _of(ali, INFERENCE, "Dumoulin et al., Adversarially Learned Inference, 2017", ALL),
    "bigan": _of(bigan, INFERENCE, "Donahue et al., Adversarial Feature Learning, 2017", MOST),
    "as-vae": _of(
        as_vae, INFERENCE, "Pu et al., Adversarial Symmetric Variational Autoencoder, 2017", ALL
    ),
    "veegan": _of(veegan, INFERENCE, "Srivastava et al., VEEGAN, 2017", MOST),
    "aae": _of(aae, INFERENCE, "Makhzani et al., Adversarial Autoencoders, 2016", MOST),
    "pixelgan-ae": _of(
        pixelgan_ae, INFERENCE, "Makhzani & Frey, PixelGAN Autoencoders, 2017", MOST
    ),
    "age": _of(
        age, INFERENCE, "Ulyanov et al., Adversarial Generator-Encoder Networks, 2018", MOST
    ),
    "avb": _of(avb, INFERENCE, "Mescheder et al., Adversarial Variational Bayes, 2017", MOST),
    "wgan": _of(wgan, GANS, "Arjovsky et al., Wasserstein GAN, 2017", ("samples",)),
    "wgan-gp": _of(
        wgan_gp, GANS, "Gulrajani et al., Improved Training of Wasserstein GANs, 2017", ("samples",)
    ),
    "infogan": _of(infogan, GANS, "Chen et al., InfoGAN, 2016", MOST),
    "infogan-cr": _of(infogan_cr, GANS, "Lin et al., InfoGAN-CR and ModelCentrality, 2020", MOST),
    "catgan": _of(
        catgan,
        GANS,
        "Springenberg, Categorical Generative Adversarial Networks, 2016",
        ("samples", "clusters"),
    ),
    "clustergan": _of(clustergan, GANS, "Mukherjee et al., ClusterGAN, 2019", MOST),
    "dec": _of(
        dec,
        MIXTURES,
        "Xie et al., Unsupervised Deep Embedding for Clustering Analysis, 2016",
        ("clusters",),
    ),
    "sub-gan": _of(
        sub_gan, MIXTURES, "Liang et al., Sub-GAN, 2018 (reconstructed)", ("samples", "clusters")
    ),
    "gmvae": _of(
        gmvae,
        MIXTURES,
        "Dilokthanakul et al., Gaussian Mixture Variational Autoencoders, 2016",
        MOST,
    ),
    "mvae": _of(
        mvae,
        MIXTURES,
        "Ye & Bors, Deep Mixture Generative Autoencoders, 2022",
        ("samples", "infers"),
    ),
    "msvi": _of(
        msvi, MIXTURES, "Kurle et al., Multi-Source Neural Variational Inference, 2019", ALL
    ),
}


def find(name: str) -> Entry:
    """The method of that name.

    Raises:
        UserError: there is none, with the nearest that there is.
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, n=3, cutoff=0.4)
        # of names that share as many letters, that of the same length
        near.sort(key=lambda own: abs(len(own) - len(name)))
        hint = f", did you mean '{near[0]}'?" if near else ""
        raise UserError(f"unknown method '{name:.80}'{hint}: `ssavl methods` lists them")
    return METHODS[name]


def own_params(name: str, values: Mapping[str, Any]) -> Section:
    """A method's own parameters, checked.

    Args:
        values: what ``methods: {<name>: ...}`` says.

    Raises:
        UserError: an unknown name, with the nearest known one, or a value out of range.
    """
    model = find(name).params
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"methods.{name}: {one_line(error.errors(), model)}") from None


def make(name: str, own: Section, common: Common, data: Draws) -> Method:
    """A method, ready to run.

    Raises:
        UserError: it cannot be made of these images and sizes, and why.
    """
    try:
        return find(name).build(own, common, data)
    except ValueError as error:
        raise UserError(f"{name}: {error}") from None
