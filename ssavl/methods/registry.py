"""Every method by its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ssavl.errors import UserError
from ssavl.images.draws import Draws
from ssavl.methods.adversarial import aae, age, ali, as_vae, avb, bigan, veegan
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


ALL = ABILITIES
AUTOENCODERS, GANS = "autoencoders", "GANs"
INFERENCE, MIXTURES = "adversarial inference", "clustering and mixtures"

METHODS: dict[str, Entry] = {
    "ss-avl": Entry(
        game.build,
        SsAvlParams,
        "ours",
        "Ye & Bors, Self-Supervised Adversarial Variational Learning, 2024",
        ("samples",),
    ),
    "vae": Entry(
        vae.build,
        vae.Params,
        AUTOENCODERS,
        "Kingma & Welling, Auto-Encoding Variational Bayes, 2014",
        ALL,
    ),
    "beta-vae": Entry(
        beta_vae.build,
        beta_vae.Params,
        AUTOENCODERS,
        "Higgins et al., beta-VAE, 2017; Burgess et al., 2018",
        ALL,
    ),
    "beta-tcvae": Entry(
        beta_tcvae.build,
        beta_tcvae.Params,
        AUTOENCODERS,
        "Chen et al., Isolating Sources of Disentanglement, 2018",
        ALL,
    ),
    "factor-vae": Entry(
        factor_vae.build,
        factor_vae.Params,
        AUTOENCODERS,
        "Kim & Mnih, Disentangling by Factorising, 2018",
        ALL,
    ),
    "joint-vae": Entry(
        joint_vae.build,
        joint_vae.Params,
        AUTOENCODERS,
        "Dupont, Learning Disentangled Joint Representations, 2018",
        ALL,
    ),
    "info-vae": Entry(
        info_vae.build,
        info_vae.Params,
        AUTOENCODERS,
        "Zhao et al., InfoVAE, 2019",
        ALL,
    ),
    "control-vae": Entry(
        control_vae.build,
        control_vae.Params,
        AUTOENCODERS,
        "Shao et al., ControlVAE, 2020",
        ALL,
    ),
    "mae": Entry(
        mae.build,
        mae.Params,
        AUTOENCODERS,
        "Ma et al., MAE: Mutual Posterior-Divergence Regularization, 2019",
        ALL,
    ),
    "wwae": Entry(
        wwae.build,
        wwae.Params,
        AUTOENCODERS,
        "Zhang et al., Wasserstein-Wasserstein Auto-Encoders, 2019",
        ALL,
    ),
    "intro-vae": Entry(
        intro_vae.build,
        intro_vae.Params,
        AUTOENCODERS,
        "Huang et al., IntroVAE, 2018",
        ALL,
    ),
    "vae-gan": Entry(
        vae_gan.build,
        vae_gan.Params,
        AUTOENCODERS,
        "Larsen et al., Autoencoding beyond Pixels, 2016",
        ALL,
    ),
    "ncp-vae": Entry(
        ncp_vae.build,
        ncp_vae.Params,
        AUTOENCODERS,
        "Aneja et al., A Contrastive Learning Approach for Training VAE Priors, 2021",
        ALL,
    ),
    "ali": Entry(
        ali.build,
        ali.Params,
        INFERENCE,
        "Dumoulin et al., Adversarially Learned Inference, 2017",
        ALL,
    ),
    "bigan": Entry(
        bigan.build,
        bigan.Params,
        INFERENCE,
        "Donahue et al., Adversarial Feature Learning, 2017",
        ("samples", "infers", "clusters"),
    ),
    "as-vae": Entry(
        as_vae.build,
        as_vae.Params,
        INFERENCE,
        "Pu et al., Adversarial Symmetric Variational Autoencoder, 2017",
        ALL,
    ),
    "veegan": Entry(
        veegan.build,
        veegan.Params,
        INFERENCE,
        "Srivastava et al., VEEGAN, 2017",
        ("samples", "infers", "clusters"),
    ),
    "aae": Entry(
        aae.build,
        aae.Params,
        INFERENCE,
        "Makhzani et al., Adversarial Autoencoders, 2016",
        ("samples", "infers", "clusters"),
    ),
    "age": Entry(
        age.build,
        age.Params,
        INFERENCE,
        "Ulyanov et al., Adversarial Generator-Encoder Networks, 2018",
        ("samples", "infers", "clusters"),
    ),
    "avb": Entry(
        avb.build,
        avb.Params,
        INFERENCE,
        "Mescheder et al., Adversarial Variational Bayes, 2017",
        ("samples", "infers", "clusters"),
    ),
    "wgan": Entry(
        wgan.build,
        wgan.Params,
        GANS,
        "Arjovsky et al., Wasserstein GAN, 2017",
        ("samples",),
    ),
    "wgan-gp": Entry(
        wgan_gp.build,
        wgan_gp.Params,
        GANS,
        "Gulrajani et al., Improved Training of Wasserstein GANs, 2017",
        ("samples",),
    ),
    "infogan": Entry(
        infogan.build,
        infogan.Params,
        GANS,
        "Chen et al., InfoGAN, 2016",
        ("samples", "infers", "clusters"),
    ),
    "infogan-cr": Entry(
        infogan_cr.build,
        infogan_cr.Params,
        GANS,
        "Lin et al., InfoGAN-CR and ModelCentrality, 2020",
        ("samples", "infers", "clusters"),
    ),
    "catgan": Entry(
        catgan.build,
        catgan.Params,
        GANS,
        "Springenberg, Categorical Generative Adversarial Networks, 2016",
        ("samples", "clusters"),
    ),
    "clustergan": Entry(
        clustergan.build,
        clustergan.Params,
        GANS,
        "Mukherjee et al., ClusterGAN, 2019",
        ("samples", "infers", "clusters"),
    ),
    "dec": Entry(
        dec.build,
        dec.Params,
        MIXTURES,
        "Xie et al., Unsupervised Deep Embedding for Clustering Analysis, 2016",
        ("clusters",),
    ),
    "sub-gan": Entry(
        sub_gan.build,
        sub_gan.Params,
        MIXTURES,
        "Liang et al., Sub-GAN, 2018 (reconstructed)",
        ("samples", "clusters"),
    ),
    "gmvae": Entry(
        gmvae.build,
        gmvae.Params,
        MIXTURES,
        "Dilokthanakul et al., Gaussian Mixture Variational Autoencoders, 2016",
        ("samples", "infers", "clusters"),
    ),
    "mvae": Entry(
        mvae.build,
        mvae.Params,
        MIXTURES,
        "Ye & Bors, Deep Mixture Generative Autoencoders, 2022",
        ("samples", "infers"),
    ),
    "msvi": Entry(
        msvi.build,
        msvi.Params,
        MIXTURES,
        "Kurle et al., Multi-Source Neural Variational Inference, 2019",
        ALL,
    ),
}


def find(name: str) -> Entry:
    """The method of that name.

    Raises:
        UserError: there is none, with the nearest that there is.
    """
    if name not in METHODS:
        nearest = difflib.get_close_matches(name, METHODS, n=1, cutoff=0.4)
        hint = f", did you mean '{nearest[0]}'?" if nearest else ""
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
