"""What each system's own mathematics promises, on toys where the truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Dirichlet, Normal
from torch.nn.functional import softplus

from ssavl.engine.memory import Memory
from ssavl.latents.continuous import gaussian
from ssavl.latents.implicit import Noisy
from ssavl.latents.point import Point
from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods.adversarial import age, avb, veegan
from ssavl.methods.autoencoders import (
    intro_vae,
    joint_vae,
    mae,
    ncp_vae,
)
from ssavl.methods.gans import catgan, infogan_cr
from ssavl.methods.method import Method
from ssavl.methods.mixtures import gmvae, msvi, mvae
from ssavl.methods.pairs import Pairing, critic_terms, players_terms
from ssavl.methods.registry import METHODS, own_params
from ssavl.methods.shared import Latents, latent_errors
from ssavl.networks.components import mixing_of, shares_of
from ssavl.networks.experts import parts, product
from ssavl.networks.mixture import MixtureEncoder, MixtureGenerator
from ssavl.networks.mixture_prior import MixturePrior, component, responsibilities
from ssavl.networks.reweighted import ReweightedGenerator
from ssavl.objectives.entropy import entropy
from tests.linear_gaussian import LinearGaussian
from tests.methods import common, draws, play

SPACE = LatentSpace(
    [Block("noise", "noise", "normal", 2), Block("category", "category", "categorical", 3)]
)
RNG = torch.Generator().manual_seed(0)


def built(name: str, own: dict[str, Any] | None = None, **latents: int) -> Method:
    torch.manual_seed(0)
    data = draws()
    return METHODS[name].build(own_params(name, own or {}), common(data, latents), data)


def loss_of(name: str, own: dict[str, Any] | None = None, update: int = 0, seed: int = 5) -> Tensor:
    """The loss of an untrained method's last phase, by fixed draws."""
    method = built(name, own)
    (phase,) = play(method).act.phases
    torch.manual_seed(seed)
    return phase.loss(update)["loss"]


# autoencoders


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("beta-vae", {"beta": 1}),
        ("info-vae", {"alpha": 0, "weight": 1}),
        ("control-vae", {"proportional": 0, "integral": 0, "lowest": 1}),
    ],
)
def test_with_the_right_weights_it_is_the_vae(name: str, own: dict[str, Any]) -> None:
    assert torch.allclose(loss_of(name, own), loss_of("vae"), rtol=1e-6)


def test_mae_without_its_terms_is_the_vae() -> None:
    assert torch.allclose(loss_of("mae", {"eta": 0, "gamma": 0}), loss_of("vae"))


def test_beta_tcvae_at_equal_prices_is_a_vae_by_one_draw_of_the_divergence() -> None:
    method = built("beta-tcvae", {"alpha": 1, "beta": 1, "gamma": 1})
    (phase,) = play(method).act.phases
    torch.manual_seed(5)
    terms = phase.loss(0)
    data = draws()
    data.real(4)
    whole = terms["loss"] + terms["log_likelihood"] - terms["kl_category"]
    parts_ = terms["information"] + terms["total_correlation"] + terms["by_dimension"]
    assert torch.allclose(whole, parts_, atol=1e-4)


def test_a_capacity_is_flat_where_it_is_met_and_ends_where_it_should() -> None:
    own = {"capacity": 6.0, "gamma": 2.0, "length": 10}
    late, early = (loss_of("beta-vae", own, update) for update in (10**6, 0))
    plain = loss_of("vae")
    method = built("vae")
    (phase,) = play(method).act.phases
    torch.manual_seed(5)
    terms = phase.loss(0)
    kl = (plain + terms["log_likelihood"]).mean()
    assert torch.allclose(late, 2 * (kl - 6).abs() - terms["log_likelihood"], atol=1e-4)
    assert torch.allclose(early, 2 * (kl - 0.6).abs() - terms["log_likelihood"], atol=1e-4)


def test_the_capacity_of_a_category_is_at_most_its_entropy() -> None:
    parts_: Any = SimpleNamespace(generator=SimpleNamespace(latent_space=SPACE))
    assert joint_vae.most(parts_) == pytest.approx(math.log(3))
    uniform = SPACE.posterior(torch.zeros(1, SPACE.parameter_size)).kl()["category"]
    sure = SPACE.posterior(torch.tensor([[0.0] * 4 + [50.0, 0, 0]])).kl()["category"]
    assert uniform.item() == pytest.approx(0, abs=1e-6)
    assert sure.item() == pytest.approx(math.log(3))


def test_pairs_that_are_alike_are_not_apart() -> None:
    same = torch.zeros(4, 4, 2)
    means, deviation = mae.apart(same)
    assert torch.equal(means, torch.zeros(2))
    assert deviation < 1e-5
    symmetric = torch.tensor([[0.0, 2.0], [2.0, 0.0]]).unsqueeze(-1)
    assert mae.apart(symmetric)[1] < 1e-5
    assert mae.apart(torch.tensor([[0.0, 2.0], [4.0, 0.0]]).unsqueeze(-1))[1] == 1


def energies(made: float) -> Any:
    """Players of IntroVAE whose divergence of real images is 3, and of others what is said."""
    seen = SimpleNamespace(
        posterior="real", log_likelihood=torch.tensor([-7.0]), latents=torch.zeros(1, 1)
    )
    model = SimpleNamespace(posterior=lambda x: x)
    generator = lambda u: "made"  # noqa: E731
    return SimpleNamespace(see=lambda own: seen, model=model, generator=generator)


def test_introvae_without_a_margin_is_a_vae_and_above_it_made_images_count_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    latents: Any = SimpleNamespace(new=lambda: torch.zeros(1, 1))
    for energy, margin, expected in [(5.0, 0.0, 10.0), (5.0, 4.0, 10.0), (5.0, 9.0, 12.0)]:
        told = {"real": torch.tensor([3.0]), "made": torch.tensor([energy])}
        monkeypatch.setattr(intro_vae, "total", lambda posterior, told=told: told[posterior])
        own = intro_vae.Params(margin=margin)
        found = intro_vae.encoder_terms(energies(energy), latents, own, 0)["loss"]
        assert found.item() == expected


class Ratio(nn.Module):
    """The exact log-ratio of N(1, .5^2) and the standard normal."""

    width, depth = 1, 0

    def forward(self, u: Tensor) -> Tensor:
        law = Normal(1.0, 0.5)
        return (law.log_prob(u) - Normal(0.0, 1.0).log_prob(u)).sum(-1)


def test_a_learned_prior_with_the_exact_ratio_is_the_posterior_and_needs_no_normaliser() -> None:
    space = LatentSpace([Block("noise", "noise", "normal", 1)])
    ratio, generator = Ratio(), SimpleNamespace(latent_space=space, image_shape=(1, 28, 28))
    learned = ReweightedGenerator.__new__(ReweightedGenerator)
    nn.Module.__init__(learned)
    exact: Any = ratio
    learned.ratio, learned.proposals, learned.latent_space = exact, 500, space
    assert generator.latent_space == space
    drawn = learned.draw(4000, RNG)
    assert drawn.mean().item() == pytest.approx(1, abs=0.05)
    assert drawn.std().item() == pytest.approx(0.5, abs=0.05)
    assert ncp_vae.log_normaliser(learned, 100_000, RNG).item() == pytest.approx(0, abs=0.02)


# pairs


class Linear(nn.Module):
    """x = 2 u + 1 and its inverse, of one number."""

    def __init__(self, slope: float, shift: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))
        self.shift = nn.Parameter(torch.tensor(shift))

    def forward(self, x: Tensor) -> Tensor:
        return self.slope * x + self.shift


LINE = LatentSpace([Block("noise", "noise", "normal", 1)])


def pairing(critic: Callable[[Tensor, Tensor], Tensor], encoder: Linear) -> Pairing:
    rng = torch.Generator().manual_seed(0)
    generator = Linear(2.0, 1.0)

    def latents() -> Tensor:
        return torch.randn(64, 1, generator=rng)

    return Pairing(
        generator,
        lambda x: Point(LINE, encoder(x)),
        critic,
        lambda: generator(latents()).detach(),
        latents,
        rng,
        0.0,
        {},
    )


def test_a_game_of_pairs_is_even_where_the_encoder_is_the_inverse() -> None:
    game = pairing(lambda x, u: torch.zeros(len(x)), Linear(0.5, -0.5))
    x, u = game.inferred()
    assert torch.allclose(game.generator(u), x, atol=1e-6)
    assert torch.allclose(critic_terms(game, 0)["loss"], torch.tensor(2 * math.log(2)))


def test_players_want_what_the_critic_does_not() -> None:
    """Swapping the labels turns one loss into the other; the critic's step moves no player."""
    encoder = Linear(0.1, 0.0)
    game = pairing(lambda x, u: (x + u).squeeze(-1), encoder)
    assert not critic_terms(game, 0)["loss"].requires_grad
    assert players_terms(game, 0)["loss"].requires_grad
    swapped = replace(game, critic=lambda x, u: -(x + u).squeeze(-1))
    torch.manual_seed(0)
    x = torch.ones(4, 1)
    a = players_terms(replace(game, real=lambda: x, latents=lambda: x), 0)["loss"]
    b = critic_terms(replace(swapped, real=lambda: x, latents=lambda: x), 0)["loss"]
    assert torch.allclose(a, b)


def test_veegan_swapping_labels_and_sign_changes_nothing() -> None:
    """The paper's D is the other way round: generated pairs are its first kind."""
    encoder = Linear(0.3, 0.1)
    game = pairing(lambda x, u: -(x * u).squeeze(-1), encoder)
    x = torch.linspace(-1, 1, 8).unsqueeze(1)
    fixed = replace(game, real=lambda: x, latents=lambda: x)
    made = fixed.generator(x)
    of_generated, of_inferred = ((a * b).squeeze(-1) for a, b in ((made, x), (x, encoder(x))))
    paper = softplus(-of_generated) + softplus(of_inferred)
    assert torch.allclose(critic_terms(fixed, 0)["loss"], paper)
    terms = veegan.reconstructing_terms(fixed, encoder, LINE, 2.0, 0)
    error = (encoder(made) - x).square().squeeze(-1)
    assert torch.allclose(terms["loss"], of_generated + 2 * error)


def test_latent_errors_are_sums_over_dimensions_and_code_lengths() -> None:
    u = torch.tensor([[1.0, 2.0, 0.0, 1.0, 0.0]])
    found = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0]])
    errors = latent_errors(found, u, SPACE)
    assert errors["noise"].item() == 5
    assert errors["category"].item() == pytest.approx(math.log(3))


def test_adaptive_contrast_leaves_nothing_of_a_gaussian_posterior() -> None:
    """T has to tell standard normal numbers from themselves, and the rest is known."""
    law = Normal(torch.tensor([[1.0], [-2.0]]).expand(2, 1), torch.tensor([[0.5], [1.5]]))
    posterior = Noisy(LINE, lambda noise: law.loc + law.scale * noise, torch.zeros(2, 1))
    players: Any = None
    memory = Memory(noises=torch.randn(4000, 1, generator=torch.Generator().manual_seed(0)))
    game = avb.Game(players, LINE, None, memory)  # type: ignore[arg-type]
    torch.manual_seed(0)
    u = law.sample()
    standard, known = game.contrasted(u, posterior)
    assert torch.allclose(standard, (u - law.loc) / law.scale, atol=0.1)
    truth = (law.log_prob(u) - Normal(0.0, 1.0).log_prob(u)).sum(-1)
    assert torch.allclose(known, truth, atol=0.2)


def test_age_compares_laws_and_not_single_codes() -> None:
    u = age.on_sphere(SPACE).sample(4000, RNG)
    found = age.divergence(Point(age.on_sphere(SPACE), u))
    assert found < 0.01
    assert torch.allclose(found, age.divergence(Point(age.on_sphere(SPACE), u.flip(0))))
    noise = u[:, :2]
    assert torch.allclose(noise.norm(dim=1), torch.full((4000,), math.sqrt(2)))
    moved = torch.cat([noise.abs(), u[:, 2:]], 1)
    assert age.divergence(Point(age.on_sphere(SPACE), moved)) > 0.1


# GANs


def test_weights_stay_within_the_clip_after_every_step() -> None:
    method = built("wgan", {"clip": 0.02, "n_critic": 2})
    playing = play(method)
    for _ in range(3):
        playing.iterate()
        for parameter in method.modules["critic"].parameters():
            assert parameter.abs().max() <= 0.02


def test_the_critics_gap_is_the_distance_of_two_gaussians() -> None:
    """In one dimension a linear critic of slope 1 is the best, and its gap |m1 - m2|."""
    from ssavl.methods.gan import wasserstein_terms

    critic = nn.Sequential(nn.Linear(1, 1), nn.Flatten(0))
    optimiser, rng = torch.optim.Adam(critic.parameters(), 0.02), torch.Generator().manual_seed(0)
    for _ in range(500):
        x, x_gen = (torch.randn(256, 1, generator=rng) + own for own in (2.0, -1.0))
        terms = wasserstein_terms(critic, x, x_gen, 10.0, rng)
        optimiser.zero_grad()
        terms["loss"].mean().backward()
        optimiser.step()
    # the penalty lets the slope exceed 1 by gap / (2 * 10)
    assert terms["wasserstein"].mean().item() == pytest.approx(3 * (1 + 3 / 20), rel=0.05)


class Fixed(nn.Module):
    """Logits by the first pixel: real images are 1, generated ones 0."""

    def __init__(self, real: Tensor, made: Tensor) -> None:
        super().__init__()
        self.real, self.made = real, made

    def forward(self, x: Tensor) -> Tensor:
        first = x.flatten(1)[:, :1]
        return torch.where(first > 0.5, self.real, self.made)


def test_catgan_is_at_its_least_where_real_images_are_sure_and_even_and_others_are_not() -> None:
    sure, none = 60 * torch.eye(4), torch.zeros(4, 4)
    real, made = torch.ones(4, 1, 2, 2), torch.zeros(4, 1, 2, 2)
    players: Any = SimpleNamespace(
        real=lambda: real, made=lambda: made, common=SimpleNamespace(rng=RNG)
    )

    def loss(of_real: Tensor, of_made: Tensor) -> float:
        judge: Any = lambda x: torch.cat([of_real, of_made])  # noqa: E731
        own = catgan.Params(noise=0)
        return catgan.judge_terms(players, judge, own, 0)["loss"].mean().item()

    least = loss(sure, none)
    assert least == pytest.approx(-2 * math.log(4), abs=1e-4)
    for other in (loss(none, none), loss(sure, sure), loss(sure[[0] * 4], none)):
        assert other > least + 1
    assert entropy(torch.randn(5, 4).log_softmax(-1)).min() >= 0


def test_pairs_share_one_code_the_noise_and_the_category() -> None:
    space = LatentSpace([*SPACE.blocks, Block("code", "code", "uniform", 4)])
    pairs: Any = SimpleNamespace(code="code", count=4)
    first, second, shared = infogan_cr.drawn_pairs(Latents(space, 50, RNG), pairs)
    a, b = space.split(first), space.split(second)
    assert torch.equal(a["noise"], b["noise"])
    assert torch.equal(a["category"], b["category"])
    same = a["code"] == b["code"]
    assert torch.equal(same.long().argmax(1), shared)
    assert (same.sum(1) == 1).all()


def test_a_generator_that_ignores_its_codes_leaves_all_answers_alike() -> None:
    space = LatentSpace([Block("noise", "noise", "normal", 1), Block("code", "code", "normal", 3)])
    latents = Latents(space, 40, RNG)
    still: Any = lambda u: torch.zeros(len(u), 1)  # noqa: E731
    players: Any = SimpleNamespace(
        space=space, latents=latents, common=SimpleNamespace(rng=RNG), generator=still
    )
    reader: Any = lambda x, other: torch.zeros(len(x), 3)  # noqa: E731
    pairs = infogan_cr.Pairs(reader, "code", 3)
    found = infogan_cr.contrast_terms(players, pairs, 1.0, 0)["loss"]
    assert torch.allclose(found, torch.full((40,), math.log(3)))


# mixtures


def test_categories_by_bayes_are_those_of_brute_force() -> None:
    torch.manual_seed(0)
    prior = MixturePrior(2, 3, 4, 8)
    w, z = torch.randn(5, 2), torch.randn(5, 3)
    mixture = prior(w)
    found = responsibilities(mixture, z).exp()
    assert torch.allclose(found.sum(1), torch.ones(5))
    for image in range(5):
        densities = [
            math.exp(
                Normal(mixture.loc[image, k], mixture.scale[image, k]).log_prob(z[image]).sum()
            )
            for k in range(4)
        ]
        assert found[image].tolist() == pytest.approx([d / sum(densities) for d in densities], 1e-4)
    chosen = component(mixture, torch.eye(4)[[2] * 5])
    assert torch.equal(chosen.loc, mixture.loc[:, 2])


def test_the_mixtures_bound_is_below_the_evidence() -> None:
    """One pixel that is z with noise, so that log p(x) is a sum over d and an integral over w."""
    torch.manual_seed(0)
    prior = MixturePrior(1, 1, 2, 4)
    sigma, x = 0.5, torch.tensor([[0.7]])
    w = torch.linspace(-6, 6, 4001).unsqueeze(1)
    mixture = prior(w)
    width = (mixture.scale.squeeze(-1).square() + sigma**2).sqrt()
    given = Normal(mixture.loc.squeeze(-1), width).log_prob(x).logsumexp(1) - math.log(2)
    whole = (given + Normal(0.0, 1.0).log_prob(w).squeeze(-1)).logsumexp(0) + math.log(12 / 4000)
    of_w, of_z = Normal(torch.zeros(20_000, 1), 0.9), Normal(torch.full((20_000, 1), 0.5), 0.4)
    encoder: Any = SimpleNamespace(gaussians=lambda x: (of_w, of_z))
    generator: Any = SimpleNamespace(prior=prior, generator=lambda z: z)
    likelihood: Any = lambda x, x_hat: Normal(x_hat, sigma).log_prob(x).sum(-1)  # noqa: E731
    players = gmvae.Players(
        generator,
        encoder,
        SimpleNamespace(batch_size=1, likelihood=likelihood),  # type: ignore[arg-type]
        SimpleNamespace(real=lambda n: x),  # type: ignore[arg-type]
        gmvae.Params(free=0),
    )
    bound = -gmvae.bound_terms(players, 0)["loss"]
    assert bound.mean() < whole
    assert bound.mean() > whole - 3


def test_a_mixtures_latents_go_there_and_back() -> None:
    method = built("gmvae", {"size": 3, "hidden": 4})
    generator, encoder = method.modules["generator"], method.modules["encoder"]
    assert isinstance(generator, MixtureGenerator)
    assert isinstance(encoder, MixtureEncoder)
    x = torch.rand(4, 1, 28, 28)
    with torch.no_grad():
        _, z = encoder.gaussians(x)
        parts_ = generator.latent_space.split(encoder.mode(x))
        own = component(generator.prior(parts_["w"]), parts_["d"])
        assert torch.allclose(own.loc + own.scale * parts_["z"], z.loc, atol=1e-5)


def test_experts_multiply() -> None:
    """Of M equal experts the precision is 1 + M / s^2; one that sees nothing changes nothing."""
    space = LatentSpace([Block("noise", "noise", "normal", 1)])
    expert = torch.tensor([[0.8, math.log(0.25)]])
    blind = torch.tensor([[5.0, 12.0]])  # LOG_VARIANCE ends at 6
    for count in (1, 3):
        law = gaussian(space.posterior(product([expert] * count, space)))
        assert law.scale.item() ** -2 == pytest.approx(1 + 4 * count)
        assert law.loc.item() == pytest.approx(4 * count * 0.8 / (1 + 4 * count))
    alone, more = (product(own, space) for own in ([expert], [expert, blind]))
    assert torch.allclose(alone, more, atol=0.02)


def test_parts_of_an_image_cover_it_once() -> None:
    x = torch.rand(2, 1, 6, 6) + 1
    for sources, count in (("whole", 1), ("halves", 2), ("quadrants", 4)):
        found = parts(x, sources)  # type: ignore[arg-type]
        assert len(found) == count
        seen = torch.stack([own != 0.5 for own in found]).sum(0)
        assert (seen == 1).all()
    assert torch.equal(parts(x, "whole")[0], x)


def test_the_mixtures_bound_is_between_the_single_ones_and_the_evidence() -> None:
    model = LinearGaussian()
    x = model.sample(1)
    space = model.latent_space
    torch.manual_seed(0)
    posteriors = [
        space.posterior(torch.randn(1, space.parameter_size).expand(20_000, -1)) for _ in range(2)
    ]
    likelihood = Normal(0.0, 0.4)
    density: Any = SimpleNamespace(
        log_prob=lambda x, u: likelihood.log_prob((x - model(u)).flatten(1)).sum(1)
    )
    many = x.expand(20_000, -1, -1, -1)
    individual, mixture = (
        msvi.bound(many, density, posteriors, own).mean() for own in ("individual", "mixture")
    )
    assert individual < mixture < model.log_prob(x).item()


def test_shares_are_made_of_uniform_numbers_and_back() -> None:
    mixing = 2 * torch.rand(100_000, 3, generator=RNG) - 1
    shares = shares_of(mixing)
    assert torch.allclose(shares.sum(1), torch.ones(len(shares)))
    law = Dirichlet(torch.ones(3))
    assert torch.allclose(shares.mean(0), law.mean, atol=0.01)
    assert torch.allclose(shares.var(0), law.variance, atol=0.01)
    assert torch.allclose(shares_of(mixing_of(shares[:50])), shares[:50], atol=1e-3)


def test_permuting_components_changes_nothing() -> None:
    method = built("mvae", {"components": 3, "hidden": 4})
    generator, encoder = method.modules["generator"], method.modules["encoder"]
    x = torch.rand(4, 1, 28, 28)
    for own in (generator, encoder):
        own.eval()

    def image() -> Tensor:
        z, shares = encoder.read(x)  # type: ignore[operator]
        found: Tensor = generator.mixed(z.loc, shares.mean)  # type: ignore[operator]
        return found

    before = image()
    order = [2, 0, 1]
    for module, names in ((generator, ("parts",)), (encoder, ("trunks", "heads"))):
        for name in names:
            parts_ = getattr(module, name)
            setattr(module, name, nn.ModuleList(parts_[k] for k in order))
    assert torch.allclose(image(), before, atol=1e-6)


def test_dropping_components_leaves_shares_and_has_an_entropy() -> None:
    shares = torch.full((5, 4), 0.25)
    kept = mvae.Kept()
    found, price = mvae.keep(shares, kept)
    assert torch.allclose(found.sum(1), torch.ones(5))
    p = kept.logit.sigmoid().item()
    assert price.item() == pytest.approx(-p * math.log(p) - (1 - p) * math.log(1 - p))
    assert mvae.keep(shares, None)[0] is shares
