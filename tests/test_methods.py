"""What each phase of SS-AVL updates, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from ssavl.engine.act import Act
from ssavl.engine.phase import Phase
from ssavl.engine.run import Run
from ssavl.images.draws import Draws
from ssavl.methods.autoencoder import autoencoder
from ssavl.methods.autoencoders import vae
from ssavl.methods.method import Leaves, Method
from ssavl.methods.ssavl import game
from ssavl.methods.ssavl.dreaming import Dream, Fitting, dreams
from ssavl.methods.ssavl.joint import joint_phase
from ssavl.models.inference import InferenceModel
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import Objective, OptimisationParams, RelaxationParams
from ssavl.params.ssavl import SsAvlParams
from tests.methods import CPU, changed, common, draws, parameters, play, step

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
CLUSTERS = {"iterations": 1, "batch_size": 8, "size": 4, "neighbours": 3, "directions": 3}


def make(sizes: dict[str, Any] | None = None, data: Draws | None = None, **own: Any) -> Method:
    """SS-AVL in a small size.

    Args:
        sizes: of :func:`common`.
        own: parameters of the method.
    """
    torch.manual_seed(0)
    data = data or draws()
    return game.build(SsAvlParams.model_validate(own), common(data, **(sizes or {})), data)


def network(method: Method) -> ConvGenerator:
    assert isinstance(method.leaves.generator, ConvGenerator)
    return method.leaves.generator


def encoders_of(method: Method) -> dict[str, Encoder]:
    """Of an interleaved training."""
    code, noise = method.leaves.training_encoders
    return {"code_encoder": code, "noise_encoder": noise}


def run(method: Method, rng: torch.Generator) -> Run:
    return Run(method.modules, method.acts, CPU, rng, Path("scratch"))


def one_act(encoders: dict[str, Encoder], *phases: Phase) -> Method:
    """A method that only moves some encoders."""
    act = Act("fit", phases, OptimisationParams(learning_rate=0.01))
    return Method(encoders, (act,), Leaves())


@pytest.mark.parametrize("consistency", [0.0, 0.5])
@pytest.mark.parametrize("schedule", ["two-stage", "interleaved"])
def test_each_phase_updates_exactly_what_its_equation_names(
    schedule: str, consistency: float
) -> None:
    method = make(
        schedule=schedule,
        real_consistency={"weight": consistency},
        code_invariances={"rotation": 5, "codes": bool(consistency)},
    )
    playing = play(method)
    assert [phase.name for phase in playing.act.phases] == list(UPDATES[schedule])
    for phase in playing.act.phases:
        before = parameters(method.modules)
        step(playing, phase)
        moved = changed(before, parameters(method.modules))
        assert moved == UPDATES[schedule][phase.name], phase.name


def test_fitting_phases_leave_the_statistics_of_the_generator_alone() -> None:
    method = make(schedule="interleaved")
    playing = play(method)
    step(playing, playing.act.phases[0])
    before = {name: tensor.clone() for name, tensor in network(method).state_dict().items()}
    for phase in playing.act.phases[3:]:
        step(playing, phase)
    after = network(method).state_dict()
    assert all(torch.equal(before[name], tensor) for name, tensor in after.items())


def test_a_shared_trunk_lets_the_information_move_the_critic() -> None:
    method = make(schedule="interleaved", shared_trunk=True)
    assert encoders_of(method)["code_encoder"].trunk is method.modules["critic"].trunk
    playing = play(method)
    step(playing, playing.act.phases[0])
    before = parameters(method.modules)
    step(playing, playing.act.phases[2])
    assert "critic" in changed(before, parameters(method.modules))


@pytest.mark.parametrize("place", [1, 2])
def test_warm_up_keeps_the_information_from_the_generator(place: int) -> None:
    """Before it, the generator learns as if there were no codes while the encoder reads them."""
    after: dict[tuple[float, int], list[Tensor]] = {}
    for weight in (0.0, 1.0):
        for number in (0, 5):
            method = make(
                schedule=("two-stage", "interleaved")[place - 1],
                mi_warmup={"start": 5, "length": 0},
                mi_category_weight=weight,
                mi_code_weight=weight,
            )
            playing = play(method)
            before = parameters(method.modules)
            step(playing, playing.act.phases[0])
            step(playing, playing.act.phases[place], number)
            after[weight, number] = list(parameters(method.modules)["generator"])
            if weight:
                assert "code_encoder" in changed(before, parameters(method.modules))
    same = {
        number: all(
            torch.equal(p, q) for p, q in zip(after[0.0, number], after[1.0, number], strict=True)
        )
        for number in (0, 5)
    }
    assert same == {0: True, 5: False}


@pytest.mark.parametrize("schedule", sorted(UPDATES))
def test_codes_open_one_after_another(schedule: str) -> None:
    """A closed code moves no image; when the last is open the generator is the one that it would be
    without.
    """
    opening = {"start": 1, "every": 1, "length": 1}
    sizes = {"latents": {"code": 3}, "generator": {"block_gain": {"code": 0.5}}, "iterations": 4}
    data = draws()
    method = make(sizes, data, schedule=schedule, code_opening=opening)
    generator, training = network(method), run(method, data.rng)
    space = generator.latent_space
    latents = space.sample(5, torch.Generator().manual_seed(0))
    parts = space.split(latents)
    for count in range(4):
        training.iterate()
        generator.eval()
        felt = []
        for dimension in range(3):
            moved = parts["code"].clone()
            moved[:, dimension] += 0.5
            other = space.join({**parts, "code": moved})
            felt.append(not torch.equal(generator(latents), generator(other)))
        assert felt == [True] * count + [False] * (3 - count)
    assert torch.equal(generator.gain, ConvGenerator.from_config(generator.config).gain)


def test_without_codes_it_is_a_plain_wasserstein_gan() -> None:
    data = draws()
    method = make({"latents": {"code": 0, "categories": 0}}, data)
    assert set(method.modules) == {"generator", "critic"}
    playing = play(method)
    critic, generator = playing.act.phases
    assert [(phase.name, phase.modules) for phase in playing.act.phases] == [
        ("critic", ("critic",)),
        ("generator", ("generator",)),
    ]
    for phase in playing.act.phases:
        before = parameters(method.modules)
        step(playing, phase)
        assert changed(before, parameters(method.modules)) == {phase.name}
    assert set(critic.loss(0)) == {"loss", "wasserstein"}
    state = data.rng.get_state()
    terms = generator.loss(0)
    assert set(terms) == {"loss"}
    data.rng.set_state(state)
    latents = network(method).latent_space.sample(len(terms["loss"]), data.rng)
    # Eq. 23 and nothing beside it.
    assert torch.equal(terms["loss"], -method.modules["critic"](network(method)(latents)))


def test_clusters_of_separate_images_are_found_and_the_category_agrees_with_them() -> None:
    torch.manual_seed(0)
    kinds = torch.rand(3, 1, 28, 28)
    truth = torch.arange(60) % 3
    images = (kinds[truth] + 0.02 * torch.randn(60, 1, 28, 28)).clamp(0, 1)
    data = draws(images)
    pace = {"iterations": 60, "learning_rate": 0.005, "adam_betas": (0.5, 0.9)}
    own = {"batch_size": 16, "size": 4, "invariances": {"noise": 0.05}, "neighbours": 5}
    method = make(pace, data, mi_category_weight=0.0, real_clusters={**pace, **own})
    run(method, data.rng).train()
    labels = method.modules["clusters"].get_buffer("labels")
    assert labels.shape == (60,)
    found = {tuple(labels[truth == k].unique().tolist()) for k in range(3)}
    assert found == {(0,), (1,), (2,)}
    assert method.record()["clusters"]["smallest"] == pytest.approx(1 / 3)
    sorter = method.leaves.sorter
    assert sorter is not None
    assert sorter.knows(images.mean((1, 2, 3)))
    assert not sorter.knows(images.flip(0).mean((1, 2, 3)))
    assert torch.equal(sorter.sort(images, sorter.features(images)), labels)
    (encoder,) = method.leaves.training_encoders
    read = encoder.posterior(images).probabilities("category").argmax(1)
    assert (read == labels).float().mean() > 0.9


@pytest.mark.parametrize("alone", [False, True])
def test_with_clusters_alone_the_information_moves_the_generator_only(alone: bool) -> None:
    clusters = {**CLUSTERS, "weight": 0.0, "alone": alone}
    method = make({"latents": {"code": 0}}, real_clusters=clusters)
    playing = play(method)
    before = parameters(method.modules)
    step(playing, playing.act.phases[1])
    moved = changed(before, parameters(method.modules))
    assert moved == ({"generator"} if alone else {"generator", "code_encoder"})


def test_the_joint_bound_updates_both_encoders_and_nothing_else() -> None:
    whole = make(schedule="interleaved")
    generator, encoders = network(whole).eval().requires_grad_(False), encoders_of(whole)
    model = InferenceModel(encoders.values(), "ssavl-r")
    images = torch.rand(4, 1, 28, 28)
    fitting = Fitting(Likelihood(), 1.0, RelaxationParams())
    phase = joint_phase(model, tuple(encoders), generator, lambda: (images, None), fitting)
    playing = play(one_act(encoders, phase))
    before = parameters(whole.modules)
    buffers = [buffer.clone() for buffer in generator.buffers()]
    step(playing, phase)
    assert changed(before, parameters(whole.modules)) == {"code_encoder", "noise_encoder"}
    assert all(torch.equal(a, b) for a, b in zip(buffers, generator.buffers(), strict=True))


@pytest.mark.parametrize("transformed", [True, False])
def test_transformed_images_are_explained_by_what_is_inferred_from_them(transformed: bool) -> None:
    whole = make(schedule="interleaved")
    generator, encoders = network(whole).eval().requires_grad_(False), encoders_of(whole)
    rng = torch.Generator().manual_seed(0)
    transform = torch.zeros_like if transformed else None
    fitting = Fitting(Likelihood(), 1.0, RelaxationParams(), transform=transform)
    dream = Dream(encoders, generator, lambda: generator.latent_space.sample(4, rng), fitting)

    def losses() -> dict[str, Tensor]:
        """Of each phase for other latents, but the same draws of the posteriors."""
        found = {}
        for phase in dreams(dream):
            torch.manual_seed(0)
            found[phase.name] = phase.loss(0)["loss"]
        return found

    first, second = losses(), losses()
    # Every image is black: only the code encoder's bound, which is given the noise, still knows
    # what made it.
    assert torch.equal(first["noise-encoder"], second["noise-encoder"]) == transformed
    assert not torch.equal(first["code-encoder"], second["code-encoder"])
    playing = play(one_act(encoders, *dreams(dream)))
    for phase in playing.act.phases:
        before = parameters(whole.modules)
        step(playing, phase)
        moved = changed(before, parameters(whole.modules))
        assert moved == {phase.name.replace("-", "_")}


@pytest.mark.parametrize("objective", ["elbo", "latent-nll", "both", "joint"])
def test_survivors_alone_are_learned_from_transformed_images(objective: str) -> None:
    whole = make(schedule="interleaved")
    generator, encoders = network(whole).eval().requires_grad_(False), encoders_of(whole)
    drawn = generator.latent_space.sample(4, torch.Generator().manual_seed(0))
    truth = generator.latent_space.split(drawn)
    made = generator(drawn)

    def terms(survivors: dict[str, float]) -> dict[str, Tensor]:
        """Of all encoders, where transformed images are black."""
        fitting = Fitting(
            Likelihood(),
            1.0,
            RelaxationParams(),
            cast("Objective", "elbo" if objective == "joint" else objective),
            transform=torch.zeros_like if survivors else None,
            survivors=survivors,
        )
        phases = dreams(Dream(encoders, generator, lambda: drawn, fitting))
        if objective == "joint":
            model = InferenceModel(encoders.values(), "ssavl-r")
            images = (made, drawn)
            phases = (joint_phase(model, tuple(encoders), generator, lambda: images, fitting),)
        found: dict[str, Tensor] = {}
        for phase in phases:
            torch.manual_seed(0)
            found |= {f"{phase.name}/{name}": value for name, value in phase.loss(0).items()}
        return found

    plain, through = terms({}), terms({"category": 3.0})
    phase = "encoders" if objective == "joint" else "code-encoder"
    black = encoders["code_encoder"].posterior(torch.zeros(4, 1, 28, 28))
    right = -black.category("category").log_prob(truth["category"])
    assert through.keys() - plain.keys() == {f"{phase}/nll_transformed_category"}
    assert torch.allclose(through[f"{phase}/nll_transformed_category"], right)
    changes = {name for name in plain if not torch.equal(plain[name], through[name])}
    assert changes == {f"{phase}/loss"}
    grown = through[f"{phase}/loss"] - plain[f"{phase}/loss"]
    assert torch.allclose(grown, 3 * right, atol=1e-4)


def test_an_autoencoder_learns_generator_and_encoders_together() -> None:
    torch.manual_seed(0)
    data = draws(torch.linspace(0, 1, 4)[:, None, None, None].expand(4, 1, 28, 28))
    method = vae.build(vae.Params(), common(data, iterations=150, batch_size=8), data)
    before = parameters(method.modules)
    loss = method.acts[0].phases[0].loss
    first = loss(0)["loss"].mean().item()
    run(method, data.rng).train()
    assert changed(before, parameters(method.modules)) == set(method.modules)
    assert loss(0)["loss"].mean().item() < 0.8 * first


def test_what_an_autoencoder_sees_goes_through_its_generator_as_it_is_drawn_from() -> None:
    """Its encoders infer codes first; the generator's noise comes first."""
    torch.manual_seed(0)
    data = draws()
    parts = autoencoder("vae", common(data), data)
    seen = parts.see(RelaxationParams())
    space = parts.generator.latent_space
    assert seen.posterior.space == space
    assert parts.model.space != space
    category = space.split(seen.latents)["category"]
    assert torch.allclose(category.sum(-1), torch.ones(len(category)))
