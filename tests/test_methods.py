"""What each phase of SS-AVL updates, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.engine.run import Run, Schedule
from ssavl.methods.clusters import embedding_phase, find_clusters
from ssavl.methods.ssavl import (
    Fitting,
    Networks,
    build_networks,
    fit_phases,
    gan_phases,
    joint_phase,
)
from ssavl.methods.vae import build_vae, vae_phases
from ssavl.models.inference import InferenceModel
from ssavl.networks.embedding import Embedding
from ssavl.networks.trunk import Trunk
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import ClustersParams, InvarianceParams, RelaxationParams
from ssavl.params.stages import TrainGanParams

CPU = Compute(torch.device("cpu"), False)

UPDATES = {  # phase -> the networks whose parameters its equation names
    "two-stage": {"critic": {"critic"}, "generator": {"generator", "code_encoder"}},
    "interleaved": {
        "critic": {"critic"},
        "generator": {"generator"},
        "mutual-information": {"generator", "code_encoder"},
        "code-encoder": {"code_encoder"},
        "noise-encoder": {"noise_encoder"},
    },
}
SMALL = {
    "batch_size": 4,
    "width": 2,
    "hidden": 4,
    "noise_dim": 3,
    "categories": 3,
    "critic": {"width": 2, "features": 4},
    "encoder": {"width": 2, "features": 4},
}


def make(**params: object) -> tuple[Networks, Run]:
    torch.manual_seed(0)
    settings = TrainGanParams.model_validate({**SMALL, **params})
    networks = build_networks(settings, (1, 28, 28))
    rng = torch.Generator().manual_seed(0)
    phases = gan_phases(networks, settings, lambda n: torch.rand(n, 1, 28, 28, generator=rng), rng)
    schedule = Schedule(1, 0.01, (0.5, 0.9), log_every=1)
    return networks, Run(networks.modules(), phases, schedule, CPU, rng, Path("scratch"))


def parameters(networks: Networks) -> dict[str, list[Tensor]]:
    return {
        name: [p.detach().clone() for p in m.parameters()] for name, m in networks.modules().items()
    }


def changed(before: dict[str, list[Tensor]], after: dict[str, list[Tensor]]) -> set[str]:
    pairs = {name: zip(before[name], after[name], strict=True) for name in before}
    return {name for name, both in pairs.items() if any(not torch.equal(a, b) for a, b in both)}


@pytest.mark.parametrize("consistency", [0.0, 0.5])
@pytest.mark.parametrize("schedule", ["two-stage", "interleaved"])
def test_each_phase_updates_exactly_what_its_equation_names(
    schedule: str, consistency: float
) -> None:
    networks, run = make(
        schedule=schedule,
        real_consistency={"weight": consistency},
        code_invariances={"rotation": 5, "codes": bool(consistency)},
    )
    assert [phase.name for phase in run.phases] == list(UPDATES[schedule])
    for phase in run.phases:
        before = parameters(networks)
        run.update(phase, 0)
        assert changed(before, parameters(networks)) == UPDATES[schedule][phase.name], phase.name


def test_fitting_phases_leave_the_statistics_of_the_generator_alone() -> None:
    networks, run = make(schedule="interleaved")
    run.update(run.phases[0], 0)
    before = {name: tensor.clone() for name, tensor in networks.generator.state_dict().items()}
    for phase in run.phases[3:]:
        run.update(phase, 0)
    assert all(torch.equal(before[name], t) for name, t in networks.generator.state_dict().items())


def test_a_shared_trunk_lets_the_information_move_the_critic() -> None:
    networks, run = make(schedule="interleaved", shared_trunk=True)
    assert networks.code_encoder is not None
    assert networks.code_encoder.trunk is networks.critic.trunk
    run.update(run.phases[0], 0)
    before = parameters(networks)
    run.update(run.phases[2], 0)
    assert "critic" in changed(before, parameters(networks))


@pytest.mark.parametrize("phase", [1, 2])
def test_warm_up_keeps_the_information_from_the_generator(phase: int) -> None:
    """Before it, the generator learns as if there were no codes while the encoder reads them."""
    after: dict[tuple[float, int], list[Tensor]] = {}
    for weight in (0.0, 1.0):
        for update in (0, 5):
            networks, run = make(
                schedule=("two-stage", "interleaved")[phase - 1],
                mi_warmup={"start": 5, "length": 0},
                mi_category_weight=weight,
                mi_code_weight=weight,
            )
            before = parameters(networks)
            run.update(run.phases[0], 0)
            run.update(run.phases[phase], update)
            after[weight, update] = parameters(networks)["generator"]
            if weight:
                assert "code_encoder" in changed(before, parameters(networks))
    same = {
        u: all(torch.equal(p, q) for p, q in zip(after[0.0, u], after[1.0, u], strict=True))
        for u in (0, 5)
    }
    assert same == {0: True, 5: False}


@pytest.mark.parametrize("schedule", sorted(UPDATES))
def test_codes_open_one_after_another(schedule: str) -> None:
    """A closed code moves no image; when the last is open the generator is the one that it would be
    without.
    """
    opening = {"start": 1, "every": 1, "length": 1}
    networks, run = make(
        schedule=schedule, iterations=4, code_dim=3, code_opening=opening, block_gain={"code": 0.5}
    )
    generator = networks.generator
    space = generator.latent_space
    latents = space.sample(5, torch.Generator().manual_seed(0))
    for step, count in ((0, 0), (1, 1), (2, 2), (3, 3)):
        run.iterate(step)
        generator.eval()
        parts = space.split(latents)
        felt = []
        for dimension in range(3):
            moved = parts["code"].clone()
            moved[:, dimension] += 0.5
            felt.append(
                not torch.equal(generator(latents), generator(space.join({**parts, "code": moved})))
            )
        generator.train()
        assert felt == [True] * count + [False] * (3 - count)
    assert torch.equal(generator.gain, networks.generator.from_config(generator.config).gain)


def test_without_codes_it_is_a_plain_wasserstein_gan() -> None:
    networks, run = make(code_dim=0, categories=0)
    assert set(networks.modules()) == {"generator", "critic"}
    critic, generator = run.phases
    assert [(phase.name, phase.modules) for phase in run.phases] == [
        ("critic", ("critic",)),
        ("generator", ("generator",)),
    ]
    for phase in run.phases:
        before = parameters(networks)
        run.update(phase, 0)
        assert changed(before, parameters(networks)) == {phase.name}
    assert set(critic.loss(0)) == {"loss", "wasserstein"}
    state = run.rng.get_state()
    terms = generator.loss(0)
    assert set(terms) == {"loss"}
    run.rng.set_state(state)
    latents = networks.generator.latent_space.sample(len(terms["loss"]), run.rng)
    # Eq. 23 and nothing beside it.
    assert torch.equal(terms["loss"], -networks.critic(networks.generator(latents)))


def test_clusters_of_separate_images_are_found_and_the_category_agrees_with_them() -> None:
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    kinds = torch.rand(3, 1, 28, 28)
    truth = torch.arange(60) % 3
    images = (kinds[truth] + 0.02 * torch.randn(60, 1, 28, 28)).clamp(0, 1)
    params = ClustersParams(
        iterations=60, batch_size=16, size=4, invariances=InvarianceParams(noise=0.05), neighbours=5
    )
    embedding = Embedding(Trunk((1, 28, 28), 2, 8), params.size)

    def real(n: int) -> Tensor:
        return images[torch.randint(60, (n,), generator=rng)]

    phase = embedding_phase(embedding, params, real, rng)
    Run(
        {"embedding": embedding},
        [phase],
        Schedule(60, 0.005, (0.5, 0.9)),
        CPU,
        rng,
        Path("embedding"),
    ).train()
    clusters = find_clusters(embedding, images.split(25), 3, params, seed=0)
    assert clusters.labels.shape == (60,)
    assert {tuple(clusters.labels[truth == k].unique().tolist()) for k in range(3)} == {
        (0,),
        (1,),
        (2,),
    }
    assert clusters.summary(3)["smallest"] == pytest.approx(1 / 3)

    def clustered(n: int) -> tuple[Tensor, Tensor]:
        index = torch.randint(60, (n,), generator=rng)
        return images[index], clusters.labels[index]

    settings = TrainGanParams.model_validate({**SMALL, "mi_category_weight": 0.0})
    networks = build_networks(settings, (1, 28, 28))
    schedule = Schedule(60, 0.005, (0.5, 0.9))
    Run(
        networks.modules(),
        gan_phases(networks, settings, real, rng, clustered),
        schedule,
        CPU,
        rng,
        Path("gan"),
    ).train()
    assert networks.code_encoder is not None
    read = networks.code_encoder.posterior(images).probabilities("category").argmax(1)
    assert (read == clusters.labels).float().mean() > 0.9


@pytest.mark.parametrize("alone", [False, True])
def test_with_clusters_alone_the_information_moves_the_generator_only(alone: bool) -> None:
    clusters = {"weight": 0.0, "alone": alone}
    settings = TrainGanParams.model_validate({**SMALL, "code_dim": 0, "real_clusters": clusters})
    torch.manual_seed(0)
    networks = build_networks(settings, (1, 28, 28))
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(4, 1, 28, 28)
    phases = gan_phases(
        networks,
        settings,
        lambda n: images,
        rng,
        lambda n: (images, torch.zeros(4, dtype=torch.long)),
    )
    run = Run(networks.modules(), phases, Schedule(1, 0.01, (0.5, 0.9)), CPU, rng, Path("scratch"))
    before = parameters(networks)
    run.update(run.phases[1], 0)
    assert changed(before, parameters(networks)) == (
        {"generator"} if alone else {"generator", "code_encoder"}
    )


def test_the_joint_bound_updates_both_encoders_and_nothing_else() -> None:
    networks, _ = make(schedule="interleaved")
    assert networks.code_encoder is not None
    assert networks.noise_encoder is not None
    generator = networks.generator.eval().requires_grad_(False)
    model = InferenceModel([networks.code_encoder, networks.noise_encoder], "ssavl-r")
    modules = {"code_encoder": networks.code_encoder, "noise_encoder": networks.noise_encoder}
    images = torch.rand(4, 1, 28, 28)
    phase = joint_phase(
        model,
        tuple(modules),
        generator,
        lambda: images,
        Fitting(Likelihood(), 1.0, RelaxationParams()),
    )
    run = Run(
        modules, [phase], Schedule(1, 0.01, (0.5, 0.9)), CPU, torch.Generator(), Path("scratch")
    )
    before = parameters(networks)
    buffers = [b.clone() for b in generator.buffers()]
    run.update(phase, 0)
    assert changed(before, parameters(networks)) == {"code_encoder", "noise_encoder"}
    assert all(torch.equal(a, b) for a, b in zip(buffers, generator.buffers(), strict=True))


@pytest.mark.parametrize("transformed", [True, False])
def test_transformed_images_are_explained_by_what_is_inferred_from_them(transformed: bool) -> None:
    networks, _ = make(schedule="interleaved")
    assert networks.code_encoder is not None
    assert networks.noise_encoder is not None
    encoders = {"code_encoder": networks.code_encoder, "noise_encoder": networks.noise_encoder}
    generator = networks.generator.eval().requires_grad_(False)
    rng = torch.Generator().manual_seed(0)
    fitting = Fitting(
        Likelihood(), 1.0, RelaxationParams(), transform=torch.zeros_like if transformed else None
    )

    def losses() -> dict[str, Tensor]:
        """Of each phase for other latents, but the same draws of the posteriors."""
        phases = fit_phases(
            encoders, generator, lambda: generator.latent_space.sample(4, rng), fitting
        )
        found = {}
        for phase in phases:
            torch.manual_seed(0)
            found[phase.name] = phase.loss(0)["loss"]
        return found

    first, second = losses(), losses()
    # Every image is black: only the code encoder's bound, which is given the noise, still knows
    # what made it.
    assert torch.equal(first["noise-encoder"], second["noise-encoder"]) == transformed
    assert not torch.equal(first["code-encoder"], second["code-encoder"])
    phases = fit_phases(encoders, generator, lambda: generator.latent_space.sample(4, rng), fitting)
    run = Run(encoders, phases, Schedule(1, 0.01, (0.5, 0.9)), CPU, rng, Path("scratch"))
    for phase in phases:
        before = parameters(networks)
        run.update(phase, 0)
        assert changed(before, parameters(networks)) == {phase.name.replace("-", "_")}


def test_an_autoencoder_learns_generator_and_encoders_together() -> None:
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    images = torch.linspace(0, 1, 4)[:, None, None, None].expand(4, 1, 28, 28)
    generator, model = build_vae(TrainGanParams.model_validate(SMALL), (1, 28, 28))
    modules = {
        "generator": generator,
        "code_encoder": next(iter(model)),
        "noise_encoder": list(model)[1],
    }
    fitting = Fitting(Likelihood(), 1.0, RelaxationParams())
    phases = vae_phases(
        model, ("code_encoder", "noise_encoder"), generator, lambda: images, fitting
    )
    run = Run(modules, phases, Schedule(150, 0.01, (0.9, 0.999)), CPU, rng, Path("scratch"))
    before = {
        name: [p.detach().clone() for p in module.parameters()] for name, module in modules.items()
    }
    first = phases[0].loss(0)["loss"].mean().item()
    run.train()
    after: dict[str, list[Tensor]] = {
        name: list(module.parameters()) for name, module in modules.items()
    }
    assert changed(before, after) == set(modules)
    assert phases[0].loss(0)["loss"].mean().item() < 0.8 * first
