"""Every method of the registry: what it builds, whom it moves, how it survives, what it leaves.

A new method is covered without a line here. One whose acts have lengths of their own, or whose
mechanisms are off by default, names small settings in ``VARIANTS``.
"""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ssavl.engine.device import Compute
from ssavl.engine.phase import Phase
from ssavl.engine.playing import Playing
from ssavl.engine.run import Run
from ssavl.images.draws import Draws
from ssavl.methods.autoencoders import vae
from ssavl.methods.method import Common, Method
from ssavl.methods.registry import ABILITIES, METHODS, own_params
from ssavl.methods.shared import Terms
from ssavl.models.files import load_encoders
from ssavl.networks.encoder import Encoder
from tests.conftest import generator_in, invoke, model_in, tiny_overrides
from tests.methods import CPU, PACE, SHAPE, common, draws, play, step

Own = dict[str, Any]

EVERYTHING: Own = {  # that the paper has not: clusters, opening, averages, consistency
    "real_clusters": {
        "iterations": 8,
        "batch_size": 8,
        "size": 4,
        "neighbours": 3,
        "directions": 3,
        "restarts": 2,
        "invariances": {"noise": 0.1},
    },
    "code_opening": {"start": 1, "every": 1, "length": 2},
    "code_invariances": {"rotation": 5},
    "real_consistency": {"weight": 0.5, "warmup": {"start": 2, "length": 2}},
    "mi_warmup": {"start": 1, "length": 2},
    "gp_every": 2,
    "ema_decay": 0.9,
}
SHORT = {"iterations": 8, "batch_size": 4, "log_every": 3}  # an act of a method's own
VARIANTS: dict[str, list[Own]] = {
    "beta-vae": [{}, {"capacity": 5, "length": 3}],
    "avb": [{}, {"contrast": False}],
    "wwae": [{}, {"diagonal": True}],
    "infogan": [{}, {"shared_trunk": False}],
    "infogan-cr": [{"start": 3}],
    "mvae": [{}, {"components": 1}, {"dropout": True}],
    "msvi": [{"objective": own} for own in ("individual", "mixture", "product")],
    "ncp-vae": [{"vae": SHORT, "proposals": 20}],
    "dec": [{"autoencoder": SHORT, "every": 3, "restarts": 1}],
    "sub-gan": [{"autoencoder": SHORT, "every": 3, "dim": 2}],
    "ss-avl": [
        {**EVERYTHING, "schedule": "two-stage"},
        {**EVERYTHING, "schedule": "interleaved"},
        {"schedule": "interleaved", "shared_trunk": True},
    ],
}
CASES = [(name, own) for name in METHODS for own in VARIANTS.get(name, [{}])]
IDS = [f"{name}-{VARIANTS[name].index(own)}" if name in VARIANTS else name for name, own in CASES]
SHAPES = [(1, 28, 28), (3, 28, 28), (1, 32, 32), (3, 32, 32)]
LATE = 100_000  # an update after every warm-up
PER_ACT = 3  # kills

every_method = pytest.mark.parametrize(("name", "own"), CASES, ids=IDS)


def build(
    name: str, own: Own, shape: tuple[int, int, int] = SHAPE, **pace: Any
) -> tuple[Method, Draws]:
    """A method in a small size, each of its acts as long as :data:`PACE` says at most."""
    torch.manual_seed(0)
    data = draws(shape=shape)
    method = METHODS[name].build(own_params(name, own), common(data, **pace), data)
    acts = []
    for act in method.acts:
        own_pace = {"iterations": min(act.optimisation.iterations, PACE["iterations"])}
        short = act.optimisation.model_copy(update={**own_pace, "log_every": 3})
        acts.append(replace(act, optimisation=short))
    return replace(method, acts=tuple(acts)), data


def named(modules: dict[str, nn.Module]) -> dict[Tensor, str]:
    """Every parameter and its name; one that two modules share has one."""
    return {
        parameter: f"{name}.{inner}"
        for name, module in modules.items()
        for inner, parameter in module.named_parameters()
    }


@every_method
def test_what_it_can_do_follows_from_what_it_leaves(name: str, own: Own) -> None:
    entry, leaves = METHODS[name], build(name, own)[0].leaves
    assert set(entry.can) <= set(ABILITIES)
    assert ("samples" in entry.can) == (leaves.generator is not None)
    assert ("infers" in entry.can) == bool(leaves.encoders)
    category = any(encoder.space.of_role("category") for encoder in leaves.encoders)
    assert ("clusters" in entry.can) == (category or leaves.clusterer is not None)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@every_method
def test_a_phase_gives_gradients_to_all_of_its_modules_and_to_no_other(
    name: str, own: Own, shape: tuple[int, int, int]
) -> None:
    method, _ = build(name, own, shape)
    modules = dict(method.modules)
    names = named(modules)
    for number in range(len(method.acts)):
        playing = play(method, number)
        playing.enter()
        for phase in playing.act.phases:
            sizes = {term.shape for term in phase.loss(LATE).values()}
            assert len(sizes) == 1, phase.name  # a term per sample
            assert len(next(iter(sizes))) == 1, phase.name
            before = {label: parameter.detach().clone() for parameter, label in names.items()}
            for module in modules.values():
                module.zero_grad(set_to_none=True)
            step(playing, phase, LATE)
            learning = {label for parameter, label in names.items() if parameter.grad is not None}
            trained = named({module: modules[module] for module in phase.modules})
            assert learning == {names[parameter] for parameter in trained}, phase.name
            moved = {p for p, label in names.items() if not torch.equal(p, before[label])}
            assert moved <= set(trained), phase.name


@every_method
def test_a_phase_by_itself_lowers_its_loss(name: str, own: Own) -> None:
    """Thirty steps on the same draws with everybody else still; a game as a whole has no loss that
    must fall.
    """
    method, data = build(name, own, batch_size=16)

    def learn(playing: Playing, phase: Phase) -> float:
        data.rng.manual_seed(7)
        torch.manual_seed(7)
        return step(playing, phase, LATE)["loss"].item()

    for number in range(len(method.acts)):
        playing = play(method, number)
        playing.enter()
        for phase in playing.act.phases:
            if (name, phase.name) == ("avb", "players") and own.get("contrast", True):
                continue  # the moments of its contrast move with it, and no gradient knows of that
            learn(playing, phase)  # a first clip changes the scale of scores
            told = [learn(playing, phase) for _ in range(30)]
            assert told[-1] < told[0], phase.name


@every_method
def test_a_method_is_trained_in_half_precision(name: str, own: Own) -> None:
    """A network may give bfloat16 there, which no other library reads."""
    method, data = build(name, own)
    half = Compute(torch.device("cpu"), True)
    Run(method.modules, method.acts, half, data.rng, Path("half"), method.averaged).train()


class Killed(Exception):
    """Stands for a kill between two iterations."""


class Mortal(Run):
    """A run that dies at one iteration, and saved before it at even ones.

    What it did and wrote between the two is lost.
    """

    dies: tuple[int, int] | None = None

    def iterate(self) -> None:
        if (self.number, self.playing.step) == self.dies:
            raise Killed
        if self.playing.step % 2 == 0:
            self.save()
        super().iterate()


def live(name: str, own: Own, scratch: str, dies: tuple[int, int] | None = None) -> Mortal:
    """Train a method anew, or from what is saved, as a new process would."""
    method, data = build(name, own)
    run = Mortal(
        method.modules, method.acts, CPU, data.rng, Path(scratch), method.averaged,
        checkpoint_seconds=torch.inf,
    )  # fmt: skip
    run.dies = dies
    run.train()
    return run


def left(run: Run) -> dict[str, bytes]:
    """Bytes of every tensor and every log that a run leaves."""
    parts: dict[str, nn.Module] = {**run.modules}
    parts |= {f"average of {name}": run.averages[name] for name in run.averages.averaged}
    tensors = {
        f"{part}.{name}": tensor.numpy().tobytes()
        for part, module in parts.items()
        for name, tensor in module.state_dict().items()
    }
    return tensors | {log.path.name: log.path.read_bytes() for log in run.logs}


@every_method
def test_a_method_survives_kills_in_each_of_its_acts_bit_for_bit(name: str, own: Own) -> None:
    whole = live(name, own, "whole")
    choose = random.Random(name)
    deaths = [
        (number, at)
        for number, act in enumerate(whole.acts)
        for at in sorted(choose.sample(range(act.optimisation.iterations), PER_ACT))
    ]
    for dies in deaths:
        with pytest.raises(Killed):
            live(name, own, "killed", dies)
    run = live(name, own, "killed")
    assert run.resumed_from
    assert left(run) == left(whole)


def forgetful(params: vae.Params, shared: Common, data: Draws) -> Method:
    """A VAE whose learning slows down by a count that is no buffer of a module."""
    method, count = vae.build(params, shared, data), itertools.count(1)
    (act,) = method.acts
    (phase,) = act.phases

    def loss(update: int) -> Terms:
        return {"loss": phase.loss(update)["loss"] / next(count)}

    act = replace(act, phases=(replace(phase, loss=loss),))
    return replace(method, acts=(act,))


def test_what_is_remembered_outside_of_modules_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The test above has teeth."""
    monkeypatch.setitem(METHODS, "vae", replace(METHODS["vae"], build=forgetful))
    whole = live("vae", {}, "whole")
    with pytest.raises(Killed):
        live("vae", {}, "killed", (0, 5))
    assert left(live("vae", {}, "killed")) != left(whole)


def succeeds(*arguments: str | Path) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output


@every_method
def test_a_method_by_its_name_is_trained_and_does_what_it_can(
    data: Path, name: str, own: Own
) -> None:
    overrides = tiny_overrides(
        train__iterations=8,
        train__batch_size=8,
        train__log_every=3,
        **({f"methods__{name}": json.dumps(own)} if own else {}),
    )
    succeeds("train", "--method", name, "--out", "mine", *overrides)
    assert json.loads(Path("mine/run.json").read_text())["settings"]["train"]["method"] == name
    can, images = METHODS[name].can, data / "prepared/images.npy"
    if "samples" in can:
        succeeds("sample", "-n", "4", "-o", "own.npy", *generator_in(Path("mine")))
        succeeds("render", "samples", *generator_in(Path("mine")), *overrides)
    if "infers" in can:
        model = model_in(Path("mine"))
        succeeds("encode", images, "-o", "latents.npz", *model)
        succeeds("evaluate", "--out", "evaluated", *model, *overrides)
        if "samples" in can:
            succeeds("reconstruct", images, "-o", "pictures", *model)
            sure = all(isinstance(own, Encoder) for own in load_encoders(Path("mine/model.pt")))
            figures = ("reconstructions", "interpolation", *(["calibration"] if sure else []))
            for figure in figures:
                succeeds("render", figure, "--data", data / "prepared", *model, *overrides)
    if "scores" in can:
        succeeds("score", images, "--samples", "1", "-o", "scores.npz", *model_in(Path("mine")))
