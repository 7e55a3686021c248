"""Losses of our methods and of pythae 0.1.2, by the same numbers in float64.

A peer's loss is called as it stands; constants that differ are in the tests: squared errors are
halved there and normalised here, and a sum over kernels there is a mean here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ssavl.latents.priors import Block
from ssavl.latents.space import LatentSpace
from ssavl.methods import matching
from ssavl.methods.autoencoder import Seen
from ssavl.methods.autoencoders import (
    beta_tcvae,
    beta_vae,
    factor_vae,
    info_vae,
    vae,
    vae_gan,
)
from ssavl.objectives.density_ratio import telling_apart
from ssavl.objectives.likelihood import Likelihood
from ssavl.objectives.total_correlation import log_weights

models = pytest.importorskip("pythae.models")
SIZE, IMAGES, COUNT = 3, 8, 50
SPACE = LatentSpace([Block("noise", "noise", "normal", SIZE)])
PIXELS = (1, 4, 4)
NORMALISER = math.prod(PIXELS) / 2 * math.log(2 * math.pi)  # of a Gaussian pixel of deviation 1


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


class Batch:
    """Random numbers of a batch: images, what is made of them, posteriors and a draw."""

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(0)

        def draw(*size: int) -> Tensor:
            return torch.randn(*size, generator=rng, dtype=torch.float64)

        self.x, self.x_hat = draw(IMAGES, *PIXELS), draw(IMAGES, *PIXELS)
        self.mean, self.log_variance = draw(IMAGES, SIZE), draw(IMAGES, SIZE)
        self.z = self.mean + (0.5 * self.log_variance).exp() * draw(IMAGES, SIZE)
        self.other = draw(IMAGES, SIZE)

    @property
    def seen(self) -> Seen:
        """As our autoencoders see it."""
        posterior = SPACE.posterior(torch.cat([self.mean, self.log_variance], -1))
        likelihood = Likelihood("gaussian", sigma=1.0)(self.x, self.x_hat)
        return Seen(self.x, posterior, self.z, likelihood)

    @property
    def parts(self) -> Any:
        """An autoencoder that sees it."""
        return SimpleNamespace(
            see=lambda relaxation: self.seen,
            generator=SimpleNamespace(latent_space=SPACE),
            data=SimpleNamespace(count=COUNT, rng=torch.Generator().manual_seed(1)),
            common=SimpleNamespace(batch_size=IMAGES),
        )


@pytest.fixture
def batch() -> Iterator[Batch]:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield Batch()
    torch.set_default_dtype(torch.float32)


def config(**more: Any) -> Any:
    return SimpleNamespace(reconstruction_loss="mse", latent_dim=SIZE, **more)


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_vae_and_beta_vae(batch: Batch, beta: float) -> None:
    peer = SimpleNamespace(model_config=config(), beta=beta)
    numbers = batch.x_hat, batch.x, batch.mean, batch.log_variance, batch.z
    theirs = models.BetaVAE.loss_function(peer, *numbers)[0]
    own = vae.evidence_terms(batch.parts, vae.Params(), beta, 0)["loss"]
    priced = beta_vae.beta_terms(batch.parts, beta_vae.Params(beta=beta), 0)["loss"]
    assert torch.equal(own, priced)
    close(own.mean() - NORMALISER, theirs)
    if beta == 1:
        plain = models.VAE.loss_function(peer, *numbers)[0]
        close(own.mean() - NORMALISER, plain)


def peer_weights(batch: int, count: int) -> Tensor:
    peer = SimpleNamespace()
    found: Tensor = models.BetaTCVAE._log_importance_weight_matrix(peer, batch, count)
    return found.double()


@pytest.mark.parametrize("stratified", [False, True])
def test_beta_tcvae(batch: Batch, stratified: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stratified weights of the peer are those of a first column that should be the diagonal; with
    ours in their place, the losses are one.
    """
    peer = models.BetaTCVAE.__new__(models.BetaTCVAE)
    nn.Module.__init__(peer)
    peer.model_config, peer.use_mss = config(), stratified
    peer.alpha, peer.beta, peer.gamma = 1.0, 6.0, 1.0
    if stratified:
        theirs = peer_weights(IMAGES, COUNT).exp()
        first = theirs[:, 0].tolist()
        assert first.count(pytest.approx(1 / COUNT)) == IMAGES - 1  # the fault
        ours = log_weights(IMAGES, COUNT, "stratified").double()
        monkeypatch.setattr(peer, "_log_importance_weight_matrix", lambda b, n: ours)
    numbers = batch.x_hat, batch.x, batch.mean, batch.log_variance, batch.z, COUNT
    theirs_loss = peer.loss_function(*numbers)[0]
    estimator: Any = "stratified" if stratified else "weighted"
    params = beta_tcvae.Params(beta=6.0, estimator=estimator)
    own = beta_tcvae.priced_terms(batch.parts, params, 0)["loss"].mean()
    close(own - NORMALISER, theirs_loss)


def test_factor_vae(batch: Batch) -> None:
    """Our one score is the difference of the peer's two."""
    judge = nn.Linear(SIZE, 2).double()
    peer = SimpleNamespace(model_config=config(), gamma=6.4, discriminator=judge)
    numbers = batch.x_hat, batch.x, batch.mean, batch.log_variance, batch.z, batch.other
    _, of_vae, of_judge = models.FactorVAE.loss_function(peer, *numbers)

    def score(z: Tensor) -> Tensor:
        both = judge(z)
        return both[:, 0] - both[:, 1]

    critic: Any = score
    own = factor_vae.vae_terms(batch.parts, critic, factor_vae.Params(gamma=6.4), 0)["loss"]
    close(own.mean() - NORMALISER, of_vae)
    told = 0.5 * telling_apart(score(batch.z), score(batch.other))
    close(told.mean(), of_judge)


@pytest.mark.parametrize("kernel", ["inverse-multiquadric", "gaussian"])
def test_info_vae(batch: Batch, kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, weight = 0.5, 20.0
    scales = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
    rbf = kernel == "gaussian"
    # the peer's Gaussian is exp(-|.|^2 / 2 D b^2), ours exp(-|.|^2 / D)
    width = math.sqrt(0.5) if rbf else 1.0
    peer = models.INFOVAE_MMD.__new__(models.INFOVAE_MMD)
    nn.Module.__init__(peer)
    peer.model_config = config(kernel_bandwidth=width)
    peer.kernel_choice, peer.scales = "rbf" if rbf else "imq", scales
    peer.alpha, peer.lbd = alpha, weight
    numbers = batch.x_hat, batch.x, batch.z, batch.other, batch.mean, batch.log_variance
    theirs = peer.loss_function(*numbers)[0]
    monkeypatch.setattr(torch, "randn", lambda *a, **k: batch.other)
    summed = 1 if rbf else len(scales)
    params = info_vae.Params(
        alpha=alpha, weight=summed * (alpha + weight - 1) - alpha + 1, kernel=kernel
    )
    own = info_vae.info_terms(batch.parts, params, 0)["loss"].mean()
    close(own - NORMALISER, theirs)


class Judge(nn.Module):
    """A discriminator with features, as both sides ask for it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Tanh())
        self.score = nn.Linear(5, 1)
        self.trunk = SimpleNamespace(results=lambda x: [self.features(x), x])

    def forward(self, x: Tensor, output_layer_levels: list[int] | None = None) -> Any:
        scores = self.score(self.features(x)).squeeze(-1)
        if not self.peer:
            return scores
        found = SimpleNamespace(embedding=scores.sigmoid())
        return {"embedding_layer_1": self.features(x)} if output_layer_levels else found

    peer = False


def test_vae_gan(batch: Batch) -> None:
    """The encoder's loss, and the discriminator's where reconstructions are images of the prior;
    the peer leaves reconstructions out of the latter.
    """
    judge = Judge().double()
    decode = nn.Sequential(nn.Linear(SIZE, 16), nn.Unflatten(1, PIXELS)).double()
    peer = SimpleNamespace(
        model_config=config(),
        discriminator=judge,
        decoder=lambda z: SimpleNamespace(reconstruction=decode(z)),
        reconstruction_layer=1,
        adversarial_loss_scale=0.5,
        equilibrium=0.7,
        margin=0.4,
    )
    x_r = decode(batch.z)
    judge.peer = True
    numbers = x_r, batch.x, batch.z, batch.z, batch.mean, batch.log_variance
    _, of_encoder, _, of_judge, *_ = models.VAEGAN.loss_function(peer, *numbers)
    judge.peer = False
    parts = batch.parts
    parts.generator = decode
    latents: Any = SimpleNamespace(new=lambda: batch.z)
    critic: Any = judge
    players = vae_gan.Players(parts, critic, latents, vae_gan.Params())
    own = vae_gan.encoder_terms(players, 0)["loss"].mean()
    close(own, of_encoder)
    told = vae_gan.critic_terms(players, 0)["loss"].mean()
    close(told, of_judge)


def test_aae(batch: Batch) -> None:
    critic = nn.Sequential(nn.Linear(SIZE, 1), nn.Flatten(0)).double()
    judge = nn.Sequential(critic, nn.Sigmoid())
    peer = SimpleNamespace(
        model_config=config(),
        discriminator=lambda z: SimpleNamespace(embedding=judge(z)),
        adversarial_loss_scale=0.5,
        reconstruction_loss_scale=1.0,
    )
    recon, both, told = models.Adversarial_AE.loss_function(
        peer, batch.x_hat, batch.x, batch.z, batch.other
    )[:3]
    inferred = SimpleNamespace(rsample=lambda: batch.z)
    infer: Any = lambda x: inferred  # noqa: E731
    rng = torch.Generator()
    game = matching.Matching(
        SPACE, infer, lambda: batch.other, lambda: batch.x, {"continuous": critic}, 0.0, rng
    )
    close(matching.critics_terms(game, 0)["loss"].mean(), told)
    matched = matching.matching_terms(game, 0)["loss"].mean()
    close(recon + 0.5 * matched, both)
