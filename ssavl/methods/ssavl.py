r"""Self-Supervised Adversarial Variational Learning (Ye & Bors 2024).

=========================  ==================================  ===========================
phase                      minimises                           updates
=========================  ==================================  ===========================
critic                     Eqs. 22, 5                          critic (phi)
generator                  Eq. 23, ``two-stage``: minus L_MI   generator (psi), and omega
mutual-information         minus L_MI (Eq. 24)                 psi, omega (, phi if shared)
code-encoder               minus Eq. 25 (or its objective)     code encoder (omega)
noise-encoder              minus Eq. 26 (or its objective)     noise encoder (xi)
encoders                   minus Eq. 18                        omega, xi
=========================  ==================================  ===========================

``two-stage`` trains the generator by the first two (Eqs. 23 and 24 in one step: one pass through
the generator) and the encoders afterwards, on the finished generator. ``interleaved`` is
Algorithm 1 to the letter: the first five, each its own step, on the same latents, in every
iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssavl.engine.phase import Phase, frozen
from ssavl.generators.protocol import Generator
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace, Posterior
from ssavl.models.inference import InferenceModel
from ssavl.networks.critic import Critic
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.layout import ImageShape
from ssavl.networks.trunk import Trunk
from ssavl.objectives.consistency import paired_information
from ssavl.objectives.elbo import Bound, elbo
from ssavl.objectives.invariances import Invariances
from ssavl.objectives.likelihood import Likelihood
from ssavl.objectives.mutual_information import code_nll, openings, ramp
from ssavl.objectives.wgan_gp import critic_loss, generator_loss, gradient_penalty
from ssavl.params.shared import Objective, OpeningParams, RelaxationParams
from ssavl.params.stages import TrainGanParams

Draw = Callable[[int], Tensor]  # n -> n things: real images or latents
# n -> n real images and the index (n,) of their clusters
DrawClustered = Callable[[int], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Fitting:
    """What encoders are fitted by.

    Attributes:
        likelihood: the observation model of the bounds.
        beta: weight of every KL.
        relaxation: how a category is drawn.
        objective: ``elbo`` (Eqs. 25-27), ``latent-nll`` (minus log q(latents | image) of the
            latents that made the image, which are known; no gradient passes the generator), or
            ``both``, their sum.
        image_noise: deviation of Gaussian noise added to generated images. Where it is the
            likelihood's sigma, ``latent-nll`` learns the posterior of that observation model.
        transform: applied to generated images ``(B, C, H, W)`` before encoders see them. A bound
            holds for any image, and encoders that have met images which their generator cannot make
            do better on real ones.
    """

    likelihood: Likelihood
    beta: float
    relaxation: RelaxationParams
    objective: Objective = "elbo"
    image_noise: float = 0.0
    transform: Callable[[Tensor], Tensor] | None = None


def latent_space(params: TrainGanParams) -> LatentSpace:
    """The blocks that the parameters ask for: noise,
    then code and category unless their size is 0.
    """
    blocks = [Block("noise", "noise", "normal", params.noise_dim)]
    if params.code_dim:
        blocks.append(Block("code", "code", params.code_prior, params.code_dim))
    if params.categories:
        blocks.append(Block("category", "category", "categorical", params.categories))
    return LatentSpace(blocks)


@dataclass(frozen=True)
class Networks:
    """Everything that ``train-gan`` trains; an encoder that the schedule or the space leaves out is
    ``None``.
    """

    generator: ConvGenerator
    critic: Critic
    code_encoder: Encoder | None
    noise_encoder: Encoder | None

    def modules(self) -> dict[str, nn.Module]:
        """Those that exist, by the name that phases use."""
        pairs = {
            "generator": self.generator,
            "critic": self.critic,
            "code_encoder": self.code_encoder,
            "noise_encoder": self.noise_encoder,
        }
        return {name: module for name, module in pairs.items() if module is not None}


def build_networks(params: TrainGanParams, image_shape: ImageShape) -> Networks:
    """Untrained networks.

    Raises:
        ValueError: an image size that cannot be made, a gain for an unknown block, or too few
            categories.
    """
    space = latent_space(params)
    generator = ConvGenerator(space, image_shape, params.width, params.hidden, params.block_gain)
    critic = Critic(Trunk(image_shape, params.critic.width, params.critic.features))
    code_encoder = noise_encoder = None
    if space.of_role("code", "category"):
        own_trunk = Trunk(image_shape, params.encoder.width, params.encoder.features)
        trunk = critic.trunk if params.shared_trunk else own_trunk
        code_encoder = Encoder(trunk, space.subspace("code", "category"))
    if params.schedule == "interleaved":
        trunk = Trunk(image_shape, params.encoder.width, params.encoder.features)
        noise_encoder = Encoder(trunk, space.subspace("noise"))
    return Networks(generator, critic, code_encoder, noise_encoder)


def gan_phases(
    networks: Networks,
    params: TrainGanParams,
    real: Draw,
    rng: torch.Generator,
    clustered: DrawClustered | None = None,
) -> list[Phase]:
    """The phases of ``train-gan``.

    Args:
        networks: from :func:`build_networks`.
        real: draws ``n`` real images, ``(n, C, H, W)`` in [0, 1].
        rng: draws latents, epsilons and transformations.
        clustered: draws them with their clusters (:mod:`ssavl.methods.clusters`), for the category
            to agree with.
    """
    generator, critic, code_encoder = networks.generator, networks.critic, networks.code_encoder
    space = generator.latent_space
    n = params.batch_size
    interleaved = params.schedule == "interleaved"
    latents = _Latents(space, n, rng)
    invariances = Invariances(**params.code_invariances.model_dump(exclude={"codes"}))
    plain_codes = not params.code_invariances.codes
    warmup = params.mi_warmup
    consistency = params.real_consistency
    category = next(iter(space.of_role("category")), None)
    code = next(iter(space.of_role("code")), None)
    opening = params.code_opening
    shares: dict[str, Tensor] = {}  # of codes that open one after another, what they are let in by
    weights = {"category": params.mi_category_weight, "code": params.mi_code_weight}

    def open_codes(update: int) -> None:
        if code is not None and opening != OpeningParams():
            open_now = openings(update, code.dim, opening.start, opening.every, opening.length)
            generator.open_block(code.name, open_now)
            shares[code.name] = torch.tensor(open_now, device=rng.device)

    def train_critic(update: int) -> Mapping[str, Tensor]:
        open_codes(update // params.n_critic)  # the first phase of an iteration
        x = real(n)
        with torch.no_grad():
            x_gen = generator(latents.new())
        distance = -critic_loss(critic, x, x_gen)
        loss = -distance
        if update % params.gp_every == 0:
            loss = loss + params.gp_weight * params.gp_every * gradient_penalty(
                critic, x, x_gen, rng
            )
        return {"loss": loss, "wasserstein": distance}

    def information(update: int, drawn: Tensor, x_gen: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the weighted L_MI, and its share per block in nats;
        with it, the consistency of real images.
        """
        assert code_encoder is not None
        # The warm-up scales what the generator feels; the encoder learns at full weight all along.
        # At weight 0 there is no gradient at all, rather than one of zeros, which Adam's momentum
        # would turn into a step.
        weight = ramp(update, warmup.start, warmup.length)
        felt = torch.lerp(x_gen.detach(), x_gen, weight) if weight else x_gen.detach()
        # A category must survive the transformations; a code may be one of them, and then needs the
        # plain image.
        views = [invariances(felt, rng), felt] if plain_codes else [invariances(felt, rng)]
        posterior = code_encoder.posterior(torch.cat(views))
        nll = code_nll(
            posterior, _part(drawn, space, code_encoder.space).repeat(len(views), 1), shares
        )
        loss, terms = x_gen.new_zeros(n), {}
        for block in code_encoder.space.blocks:
            read = nll[block.name].chunk(len(views))
            own = read[0] if block is category else read[-1]
            if block is category and clustered is not None and params.real_clusters.alone:
                with frozen(code_encoder):
                    read_still = code_encoder.posterior(views[0])
                own = code_nll(read_still, _part(drawn, space, code_encoder.space))[block.name]
            loss = loss + weights[block.name] * own
            entropy = block.entropy * (shares[block.name].mean() if block.name in shares else 1)
            terms[f"mi_{block.name}"] = entropy - own
        if consistency.weight and category is not None:
            weight = consistency.weight * ramp(
                update, consistency.warmup.start, consistency.warmup.length
            )
            terms["consistency"] = real_information() if weight else x_gen.new_full((n,), torch.nan)
            loss = loss - weight * terms["consistency"] if weight else loss
        if clustered is not None and category is not None:
            terms["agreement"] = agreement(*clustered(n))
            loss = loss - params.real_clusters.weight * terms["agreement"]
        return loss, terms

    def real_information() -> Tensor:
        assert code_encoder is not None
        assert category is not None
        x = real(n)
        views = code_encoder.posterior(torch.cat([invariances(x, rng), invariances(x, rng)]))
        return paired_information(*views.probabilities(category.name).chunk(2))

    def agreement(x: Tensor, cluster: Tensor) -> Tensor:
        """log q(cluster | transformed x) in nats, ``(n,)``."""
        assert code_encoder is not None
        assert category is not None
        posterior = code_encoder.posterior(invariances(x, rng)).blocks[category.name]
        return posterior.log_prob(F.one_hot(cluster, category.dim))

    def train_generator(update: int) -> Mapping[str, Tensor]:
        drawn = latents.last if interleaved else latents.new()
        x_gen = generator(drawn)
        adversarial = generator_loss(critic, x_gen)
        if interleaved or code_encoder is None:
            return {"loss": adversarial}
        loss, terms = information(update, drawn, x_gen)
        return {"loss": adversarial + loss, "adversarial": adversarial, **terms}

    def train_information(update: int) -> Mapping[str, Tensor]:
        loss, terms = information(update, latents.last, generator(latents.last))
        return {"loss": loss, **terms}

    phases = [Phase("critic", ("critic",), train_critic, params.n_critic)]
    if not interleaved:
        modules = ("generator",) if code_encoder is None else ("generator", "code_encoder")
        return [*phases, Phase("generator", modules, train_generator)]
    phases.append(Phase("generator", ("generator",), train_generator))
    if code_encoder is not None:
        phases.append(Phase("mutual-information", ("generator", "code_encoder"), train_information))
    own = params.interleaved
    fitting = Fitting(
        Likelihood(own.likelihood.name, own.likelihood.sigma), own.beta, own.relaxation
    )
    encoders = {"code_encoder": code_encoder, "noise_encoder": networks.noise_encoder}
    present = {name: encoder for name, encoder in encoders.items() if encoder is not None}
    return phases + fit_phases(present, _Still(generator), lambda: latents.last, fitting)


def fit_phases(
    encoders: Mapping[str, Encoder],
    generator: Generator,
    latents: Callable[[], Tensor],
    fitting: Fitting,
) -> list[Phase]:
    """Eqs. 25 and 26, a phase per encoder; on a space of noise alone, Eq. 27.

    Each encoder infers its own blocks and is given the others as they were drawn. Only where images
    are transformed, which codes can express, the noise encoder is given a draw from what the code
    encoder infers.

    Args:
        encoders: by module name.
        generator: frozen; gradients flow through it, but for ``latent-nll``.
        latents: draws a batch ``(B, D)`` from the prior.
    """

    code_encoder = encoders.get("code_encoder")

    def phase(name: str, encoder: Encoder) -> Phase:
        def loss(update: int) -> Mapping[str, Tensor]:
            drawn = latents()
            with torch.no_grad():
                x_gen = generator(drawn)
            if fitting.image_noise:
                x_gen = x_gen + fitting.image_noise * torch.randn_like(x_gen)
            if fitting.transform is not None:
                x_gen = fitting.transform(x_gen)
            posterior = encoder.posterior(x_gen)
            terms: dict[str, Tensor] = {}
            if fitting.objective != "latent-nll":
                given = generator.latent_space.split(drawn)
                if (
                    fitting.transform is not None
                    and encoder is not code_encoder
                    and code_encoder is not None
                ):
                    with torch.no_grad():
                        inferred = code_encoder.posterior(x_gen)
                    given |= inferred.space.split(inferred.sample())
                terms = _negative(_bound(posterior, x_gen, generator, fitting, given), fitting.beta)
            if fitting.objective != "elbo":
                nll = code_nll(posterior, _part(drawn, generator.latent_space, encoder.space))
                total = torch.stack(list(nll.values())).sum(0)
                terms |= {
                    "loss": terms.get("loss", 0) + total,
                    **{f"nll_{name}": term for name, term in nll.items()},
                }
            return terms

        return Phase(name.replace("_", "-"), (name,), loss)

    return [phase(name, encoder) for name, encoder in encoders.items()]


def joint_phase(
    model: InferenceModel,
    modules: tuple[str, ...],
    generator: Generator,
    images: Callable[[], Tensor],
    fitting: Fitting,
) -> Phase:
    """Eq. 18: all encoders on the one joint bound (SS-AVL-R).

    Args:
        model: an inference model over every block of the generator's space.
        modules: names of its encoders among the run's modules; with the generator's too it is a
            variational autoencoder (Kingma & Welling 2014), on real images.
        generator: where it is not among ``modules``, frozen; gradients flow through it.
        images: draws a batch ``(B, C, H, W)``, generated or real.
    """

    def loss(update: int) -> Mapping[str, Tensor]:
        x = images()
        return _negative(_bound(model.posterior(x), x, generator, fitting, {}), fitting.beta)

    return Phase("encoders", modules, loss)


def _bound(
    posterior: Posterior,
    x: Tensor,
    generator: Generator,
    fitting: Fitting,
    given: Mapping[str, Tensor],
) -> Bound:
    draw = posterior.rsample(fitting.relaxation.temperature, fitting.relaxation.straight_through)
    return elbo(x, generator, generator.latent_space, posterior, draw, fitting.likelihood, given)


def _negative(bound: Bound, beta: float) -> dict[str, Tensor]:
    kl = {f"kl_{name}": term for name, term in bound.kl.items()}
    return {"loss": -bound.value(beta), "log_likelihood": bound.log_likelihood, **kl}


class _Latents:
    """Draws from the prior; the phases of one interleaved iteration share the critic's last
    (Algorithm 1, line 4).
    """

    last: Tensor

    def __init__(self, space: LatentSpace, n: int, rng: torch.Generator) -> None:
        self.space, self.n, self.rng = space, n, rng

    def new(self) -> Tensor:
        self.last = self.space.sample(self.n, self.rng)
        return self.last


class _Still:
    """A generator in training, held still while an encoder learns through it."""

    def __init__(self, generator: ConvGenerator) -> None:
        self.generator = generator
        self.latent_space = generator.latent_space
        self.image_shape = generator.image_shape

    def __call__(self, latents: Tensor) -> Tensor:
        with frozen(self.generator):
            return self.generator(latents)


def _part(latents: Tensor, space: LatentSpace, subspace: LatentSpace) -> Tensor:
    return subspace.join(space.split(latents))
