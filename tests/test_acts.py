"""Methods of every shape on the one loop: killed anywhere, they continue bit for bit.

What a method needs beyond phases and acts (a memory, an optimiser of a phase's own, something after
a step, a late phase, a shared trunk) is in one of the small ones here, which build it on plain
networks.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, one_hot

from ssavl.engine.act import Act
from ssavl.engine.device import Compute
from ssavl.engine.log import LOG, read_log
from ssavl.engine.memory import Memory
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase
from ssavl.engine.run import Run
from ssavl.engine.state import STATE
from ssavl.errors import Interrupted
from ssavl.params.shared import OptimisationParams

CPU = Compute(torch.device("cpu"), False)
SCRATCH = Path("scratch")


class Method(NamedTuple):
    """All that a run needs of one."""

    modules: Mapping[str, nn.Module]
    acts: tuple[Act, ...]
    averaged: str


Build = Callable[[torch.Generator, int], Method]  # of the generator and the number of iterations


def lasting(n: int, **more: Any) -> OptimisationParams:
    return OptimisationParams(iterations=n, log_every=5, **({"learning_rate": 0.01} | more))


def blobs(per: int = 8) -> Tensor:
    """Three clusters in the plane, the same in every process."""
    centres = torch.tensor([[4.0, 0.0], [-4.0, 3.0], [-4.0, -3.0]])
    noise = torch.randn(3, per, 2, generator=torch.Generator().manual_seed(1))
    return (centres[:, None] + 0.3 * noise).flatten(0, 1)


def reconstruction(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().sum(1)


def control_vae(rng: torch.Generator, n: int, goal: float = 1.0) -> Method:
    """A VAE whose weight of the divergence is a PI controller's: it holds ``goal`` nats."""
    encoder, decoder = nn.Linear(2, 4), nn.Linear(2, 2)
    memory = Memory(kl=torch.zeros(()), integral=torch.zeros(()), beta=torch.ones(()))
    data = blobs()

    def loss(update: int) -> Mapping[str, Tensor]:
        x = data[torch.randint(len(data), (16,), generator=rng)]
        mean, log_var = encoder(x).chunk(2, 1)
        z = mean + (log_var / 2).exp() * torch.randn_like(mean)  # torch's own generator, too
        kl = (mean.square() + log_var.exp() - 1 - log_var).sum(1) / 2
        memory.kl = kl.mean()
        return {"loss": reconstruction(decoder(z), x) + memory.beta * kl, "kl": kl}

    def control(update: int) -> None:
        error = memory.kl - goal
        memory.integral = memory.integral + 0.05 * error
        memory.beta = (1 + 0.1 * error + memory.integral).clamp(min=0)

    phase = Phase("vae", ("encoder", "decoder"), loss, after=control)
    modules = {"encoder": encoder, "decoder": decoder, "memory": memory}
    return Method(modules, (Act("vae", (phase,), lasting(n)),), "encoder")


def k_means(points: Tensor, count: int) -> Tensor:
    """Lloyd's centres, from points each of which is farthest from those before."""
    centres = points[:1]
    for _ in range(count - 1):
        centres = torch.cat([centres, points[torch.cdist(points, centres).amin(1).argmax()][None]])
    for _ in range(10):
        member = one_hot(torch.cdist(points, centres).argmin(1), count).float()
        centres = member.T @ points / member.sum(0)[:, None]
    return centres


def assignment(z: Tensor, centres: Tensor) -> Tensor:
    """Student's soft assignment, shape ``(B, K)``."""
    q = 1 / (1 + torch.cdist(z, centres).square())
    return q / q.sum(1, keepdim=True)


def dec(rng: torch.Generator, n: int, period: int = 4) -> Method:
    """Autoencoder, then centres, then an encoder that sharpens its own assignments."""
    data = blobs()
    encoder, decoder = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.Linear(2, 2)
    memory = Memory(centres=torch.zeros(3, 2), targets=torch.zeros(len(data), 3))

    def pretrain(update: int) -> Mapping[str, Tensor]:
        x = data[torch.randint(len(data), (8,), generator=rng)]
        return {"loss": reconstruction(decoder(encoder(x)), x)}

    def find_centres() -> None:
        memory.centres = k_means(encoder.eval()(data), 3)  # and leaves it in the wrong mode

    def sharpen(step: int) -> None:
        if step % period == 0:
            q = assignment(encoder(data), memory.centres)
            p = q.square() / q.sum(0)
            memory.targets = p / p.sum(1, keepdim=True)

    def cluster(update: int) -> Mapping[str, Tensor]:
        i = torch.randint(len(data), (8,), generator=rng)
        p, q = memory.targets[i], assignment(encoder(data[i]), memory.centres)
        return {"loss": (p * (p / q).log()).sum(1)}

    both = ("encoder", "decoder")
    acts = (
        Act("pretrain", (Phase("autoencoder", both, pretrain),), lasting(n)),
        Act(
            "clusters",
            (Phase("cluster", ("encoder",), cluster),),
            lasting(n, decay=4),
            enter=find_centres,
            tick=sharpen,
            optimisers={"encoder": Optimiser(rate=2, kind="sgd")},
        ),
    )
    modules = {"encoder": encoder, "decoder": decoder, "memory": memory}
    return Method(modules, acts, "encoder")


def aae(
    rng: torch.Generator, n: int, weight: float = 1.0, optimiser: str | None = "game"
) -> Method:
    """An autoencoder whose encoder also plays against a critic of codes."""
    data = blobs()
    prior = torch.randn(len(data), 2, generator=torch.Generator().manual_seed(2))
    encoder, decoder, critic = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1)

    def reconstruct(update: int) -> Mapping[str, Tensor]:
        x = data[torch.randint(len(data), (8,), generator=rng)]
        return {"loss": reconstruction(decoder(encoder(x)), x)}

    def tell(update: int) -> Mapping[str, Tensor]:
        return {"loss": (critic(encoder(data)) - critic(prior)).tanh().flatten()}

    def fool(update: int) -> Mapping[str, Tensor]:
        return {"loss": -weight * critic(encoder(data)).tanh().flatten()}

    phases = (
        Phase("reconstruction", ("encoder", "decoder"), reconstruct),
        Phase("critic", ("critic",), tell),
        Phase("adversary", ("encoder",), fool, optimiser=optimiser),
    )
    modules = {"encoder": encoder, "decoder": decoder, "critic": critic}
    game = {"game": Optimiser(0.5, (0.5, 0.9))} if optimiser else {}
    return Method(modules, (Act("aae", phases, lasting(n), optimisers=game),), "encoder")


def wgan(rng: torch.Generator, n: int, clip: float | None = 0.01) -> Method:
    """A GAN whose critic's weights are clipped after each of its steps, before G's."""
    generator = nn.Linear(2, 2)
    critic = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    data = blobs()

    def widest() -> float:
        return max(p.abs().amax().item() for p in critic.parameters())

    def tell(update: int) -> Mapping[str, Tensor]:
        x = data[torch.randint(len(data), (8,), generator=rng)]
        fake = generator(torch.randn(8, 2, generator=rng))
        return {"loss": (critic(fake) - critic(x)).flatten()}

    def hold(update: int) -> None:
        for p in critic.parameters():
            p.clamp_(-clip, clip)  # type: ignore[operator]

    def fool(update: int) -> Mapping[str, Tensor]:
        bound = torch.tensor(widest())
        assert clip is None or bound <= clip
        return {"loss": -critic(generator(torch.randn(8, 2))).flatten(), "bound": bound[None]}

    phases = (
        Phase("critic", ("critic",), tell, repeats=2, after=None if clip is None else hold),
        Phase("generator", ("generator",), fool),
    )
    settings = {"critic": Optimiser(kind="rmsprop")}
    act = Act("wgan", phases, lasting(n), optimisers=settings)
    return Method({"generator": generator, "critic": critic}, (act,), "generator")


def late(rng: torch.Generator, n: int) -> Method:
    """A head that sets in late, every other iteration, and remembers when it ran."""
    trunk, head, data = nn.Linear(2, 2), nn.Linear(2, 1), blobs()
    memory = Memory(step=torch.zeros((), dtype=torch.long), ran=torch.zeros(n, 2) - 1)

    def tick(step: int) -> None:
        memory.step = torch.tensor(step)

    def always(update: int) -> Mapping[str, Tensor]:
        x = data[torch.randint(len(data), (8,), generator=rng)]
        return {"loss": reconstruction(trunk(x), x)}

    def sometimes(update: int) -> Mapping[str, Tensor]:
        memory.ran[memory.step, update % 2] = update
        x = data[torch.randint(len(data), (8,), generator=rng)]
        return {"loss": (head(trunk(x)) - x.sum(1, keepdim=True)).square().flatten()}

    phases = (
        Phase("always", ("trunk",), always),
        Phase("late", ("head",), sometimes, repeats=2, every=2, span=(3, 10)),
    )
    settings = {"head": Optimiser(kind="rmsprop", decay=0.1)}
    act = Act("late", phases, lasting(n), tick=tick, optimisers=settings)
    return Method({"trunk": trunk, "head": head, "memory": memory}, (act,), "head")


def shared_trunk(rng: torch.Generator, n: int, optimiser: str | None = "both") -> Method:
    """Two encoders on one trunk."""
    trunk, data = nn.Linear(2, 3), blobs()
    modules: dict[str, nn.Module] = {
        name: nn.Sequential(trunk, nn.Tanh(), nn.Linear(3, 2)) for name in ("a", "b")
    }

    def loss(update: int) -> Mapping[str, Tensor]:
        x = data[torch.randint(len(data), (8,), generator=rng)]
        return {"loss": reconstruction(modules["a"](x), x) + reconstruction(modules["b"](x), -x)}

    phases = (Phase("encoders", ("a", "b"), loss, optimiser=optimiser),)
    return Method(modules, (Act("encoders", phases, lasting(n)),), "b")


METHODS: dict[str, Build] = {
    build.__name__: build for build in (control_vae, dec, aae, wgan, late, shared_trunk)
}


def prepare(build: Build, n: int, seed: int = 0) -> tuple[Method, Callable[..., Run]]:
    """A method, and how a run of it is made, with other acts perhaps."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    method = build(rng, n)

    def run(acts: Sequence[Act] = method.acts, checkpoint_seconds: float = 60) -> Run:
        averaged = {method.averaged: 0.9}
        return Run(
            method.modules, acts, CPU, rng, SCRATCH, averaged, checkpoint_seconds=checkpoint_seconds
        )

    return method, run


def clear() -> None:
    """Forget all runs."""
    for file in SCRATCH.glob("*"):
        file.unlink()


def trained(build: Build, n: int) -> Run:
    """A run from the beginning to the end."""
    clear()
    _, run = prepare(build, n)
    whole = run()
    whole.train()
    return whole


class Kill(Exception):
    """Stands for one."""


def fatal(call: Callable[[int], Any] | None, moment: int) -> Callable[[int], Any]:
    """A call that does its work and then dies, where it is called with ``moment``."""

    def dying(number: int) -> object:
        answer = None if call is None else call(number)
        if number == moment:
            raise Kill
        return answer

    return dying


def killed(act: Act, place: str, step: int) -> Act:
    """An act that dies in ``enter``, or else in an iteration: in tick, a loss, or after a step."""

    def enter() -> None:
        if act.enter is not None:
            act.enter()
        raise Kill

    if place == "enter":
        return replace(act, enter=enter)
    if place == "tick":
        return replace(act, tick=fatal(act.tick, step))
    *_, last = (phase for phase in act.phases if phase.updates(step))
    number = last.updates(step)[-1]
    if place == "loss":
        dead = replace(last, loss=fatal(last.loss, number))
    else:
        dead = replace(last, after=fatal(last.after, number))
    return replace(act, phases=tuple(dead if phase is last else phase for phase in act.phases))


def plain(value: Any) -> Any:
    """Nested state with bytes for tensors, so that equal means equal bits."""
    if isinstance(value, Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def traces(run: Run) -> dict[str, Any]:
    """All that a run leaves: modules, optimisers, average, random states, logs."""
    return {
        "modules": {name: plain(module.state_dict()) for name, module in run.modules.items()},
        "act": plain(run.playing.state_dict()),
        "average": plain(run.averages.state_dict()),
        "random": (plain(run.rng.get_state()), plain(torch.get_rng_state())),
        "logs": {path.name: path.read_bytes() for path in SCRATCH.glob("*.csv")},
    }


@pytest.mark.parametrize("name", METHODS)
def test_a_method_killed_anywhere_continues_bit_for_bit(name: str) -> None:
    """In every act: in ``enter``, right after it, and at three steps; saved often or never.

    Every process begins with other weights and other seeds, so that all must come from the state.
    """
    n, dice = 12, random.Random(name)
    whole = trained(METHODS[name], n)
    expected = traces(whole)
    assert len(expected["logs"]) == len(whole.acts)
    clear()
    deaths = [
        (turn, place, step)
        for turn in range(len(whole.acts))
        for place, step in [
            ("enter", 0),
            ("tick", 0),
            *(
                (dice.choice(["tick", "loss", "after"]), s)
                for s in sorted(dice.sample(range(n), 3))
            ),
        ]
    ]
    for turn, place, step in deaths:
        method, run = prepare(METHODS[name], n, seed=99 if (SCRATCH / STATE).exists() else 0)
        doomed = [
            killed(act, place, step) if act is method.acts[turn] else act for act in method.acts
        ]
        with pytest.raises(Kill):
            run(doomed, checkpoint_seconds=dice.choice([0, 60])).train()
    _, run = prepare(METHODS[name], n, seed=99 if (SCRATCH / STATE).exists() else 0)
    last = run()
    last.train()
    assert last.resumed_from
    found = traces(last)
    for key, value in expected.items():
        assert found[key] == value, key


def test_a_kill_in_enter_costs_no_finished_act() -> None:
    expected = traces(trained(dec, 12))
    clear()
    method, run = prepare(dec, 12)
    pretrain, clusters = method.acts
    with pytest.raises(Kill):
        run([pretrain, killed(clusters, "enter", 0)]).train()
    method, run = prepare(dec, 12, seed=99)
    pretrain, clusters = method.acts
    last = run([killed(pretrain, "tick", 0), clusters])  # would die of playing the first
    last.train()
    assert last.resumed_from == [0]
    assert traces(last) == expected


@pytest.mark.parametrize(("turn", "step", "saved"), [(0, 11, 12), (1, 0, 1), (1, 11, 12)])
def test_a_signal_at_an_acts_edge_loses_nothing(turn: int, step: int, saved: int) -> None:
    expected = traces(trained(dec, 12))
    clear()
    method, run = prepare(dec, 12)

    def stop(number: int) -> None:
        if number == step:
            os.kill(os.getpid(), signal.SIGTERM)

    def stopping(act: Act) -> Act:
        (phase,) = act.phases
        return replace(act, phases=(replace(phase, after=stop),))

    acts = [stopping(act) if act is method.acts[turn] else act for act in method.acts]
    with pytest.raises(Interrupted, match=f"iteration {saved} of 12"):
        run(acts).train()
    _, run = prepare(dec, 12, seed=99)
    last = run()
    last.train()
    assert last.resumed_from == [saved]
    assert traces(last) == expected


def test_a_controller_reaches_its_set_point() -> None:
    run = trained(lambda rng, n: control_vae(rng, n, goal=1.5), 800)
    kl = read_log(SCRATCH / LOG)["vae/kl"][-60:]
    assert sum(kl) / len(kl) == pytest.approx(1.5, rel=0.02)
    assert run.modules["memory"].get_buffer("beta") > 0.1  # nor is it the clamp that holds it


def test_centres_are_those_of_the_clusters() -> None:
    run = trained(dec, 60)
    memory = run.modules["memory"]
    with torch.no_grad():
        q = assignment(run.modules["encoder"].eval()(blobs()), memory.get_buffer("centres"))
    groups = q.argmax(1).view(3, -1)
    assert [len(set(group.tolist())) for group in groups] == [1, 1, 1]
    assert len(set(groups[:, 0].tolist())) == 3
    assert isinstance(run.playing.optimisers["encoder"], torch.optim.SGD)


def encoder_of(build: Build, drop: str | None = None) -> list[Tensor]:
    """The encoder's weights after 20 iterations without a phase."""

    def without(rng: torch.Generator, n: int) -> Method:
        method = build(rng, n)
        (act,) = method.acts
        phases = tuple(phase for phase in act.phases if phase.name != drop)
        used = {name for phase in phases for name in phase.optimisers}
        settings = {name: own for name, own in act.optimisers.items() if name in used}
        return method._replace(acts=(replace(act, phases=phases, optimisers=settings),))

    return list(trained(without, 20).modules["encoder"].parameters())


def test_a_game_at_weight_zero_moves_nothing_with_an_optimiser_of_its_own() -> None:
    """Without one, the momentum of the other loss moves the encoder in its steps."""
    alone = encoder_of(aae, drop="adversary")
    own = encoder_of(lambda rng, n: aae(rng, n, weight=0))
    shared = encoder_of(lambda rng, n: aae(rng, n, weight=0, optimiser=None))
    assert all(torch.equal(a, b) for a, b in zip(own, alone, strict=True))
    assert min(mse_loss(a, b).sqrt().item() for a, b in zip(shared, alone, strict=True)) > 0.01


def test_no_step_of_a_generator_meets_a_weight_beyond_the_clip() -> None:
    trained(wgan, 20)
    assert max(read_log(SCRATCH / LOG)["generator/bound"]) <= 0.01 * (1 + 1e-5)
    trained(lambda rng, n: wgan(rng, n, clip=None), 20)
    assert min(read_log(SCRATCH / LOG)["generator/bound"]) > 0.1  # the clip was at work


def test_a_late_phase_runs_when_it_should() -> None:
    run = trained(late, 12)
    ran = run.modules["memory"].get_buffer("ran")
    expected = torch.full((12, 2), -1.0)
    expected[3:10:2] = torch.arange(8.0).view(4, 2)
    assert torch.equal(ran, expected)
    assert isinstance(run.playing.optimisers["head"], torch.optim.RMSprop)


def test_a_late_column_is_empty_where_its_phase_rested() -> None:
    def build(rng: torch.Generator, n: int) -> Method:
        method = late(rng, n)
        (act,) = method.acts
        first, second = act.phases
        return method._replace(acts=(replace(act, phases=(first, replace(second, span=(5, 9)))),))

    trained(build, 15)
    header, *rows = (SCRATCH / LOG).read_text().splitlines()
    assert header == "step,always/loss,late/loss"
    assert [row.endswith(",") for row in rows] == [True, False, True]


def test_a_shared_trunk_moves_once() -> None:
    """Adam's first step has the length of the rate; two optimisers would make two of them."""

    def moved(optimiser: str | None) -> Tensor:
        def build(rng: torch.Generator, n: int) -> Method:
            return shared_trunk(rng, n, optimiser)

        method, _ = prepare(build, 1)
        before, after = (
            modules["a"].get_parameter("0.weight").detach()
            for modules in (method.modules, trained(build, 1).modules)
        )
        return (after - before).abs()

    once = torch.full((3, 2), 0.01)
    assert torch.allclose(moved("both"), once, rtol=1e-3)
    assert torch.allclose(moved(None), 2 * once, rtol=1e-3)


def test_names_that_would_be_lost_are_refused() -> None:
    act = Act("same", (), OptimisationParams(iterations=1))
    with pytest.raises(ValueError, match="names of their own"):
        Run({}, [act, act, act], CPU, torch.Generator(), Path("scratch"))
    misspelt = Act("a", (), OptimisationParams(iterations=1), optimisers={"encodr": Optimiser()})
    with pytest.raises(ValueError, match="no phase uses the optimisers"):
        Run({}, [misspelt], CPU, torch.Generator(), Path("scratch"))
