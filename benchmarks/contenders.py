"""What `speed.py` times, each in a process of its own: `python contenders.py WHO WHAT`.

It reads numbers of repetitions on stdin, one a line, and answers with the seconds that they took.
WHO is `ours` (whatever ssavl is on the path: today's, or an older checkout), `naive` (`naive.py`)
or `pythae` (0.1.2, by its own trainer). Images are random: no step's time depends on them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Step = Callable[[], Any]

IMAGES, BATCH = 8000, 64
DEVICE = os.environ.get("SSAVL_DEVICE", "cpu")
AFTER_WARM_UP = 100_000  # phases are called as if this late, with every term on
EVERY_STEP = ["train-gan.gp_every=1"]
NOISE = ["latents.code=0", "latents.categories=0"]
LARGE = {"reading-64": 64, "reading-128": 128, "reading-256": 256}
LATENTS = 100  # of the frozen generators at these sizes


def ours(what: str) -> Step:
    """A step of ssavl, as its commands run it."""
    try:
        from ssavl.engine.heap import keep_freed

        keep_freed()  # as every command does
    except ImportError:
        pass  # an older checkout
    if what in LARGE:
        return reading(LARGE[what])
    if what == "vae":
        return training("vae", [*NOISE, "train.batch_size=64"]).iterate
    if what == "fit":
        return _fit().iterate
    if what == "disentanglement":
        return _disentanglement()
    if what in ("encode-one", "encode-many", "invert"):
        return _model(what)
    if what == "compiled":
        return _compiled()
    run = training("ss-avl", [] if what == "default" else EVERY_STEP)
    if what in ("iteration", "default"):
        return run.iterate
    return lambda: _phase(run, what)


def _params(overrides: list[str]) -> Any:
    import ssavl
    from ssavl.params.file import load_params

    own = Path(ssavl.__file__).parents[1]  # the study of the same checkout
    return load_params(own / "params.yaml", overrides)


def training(method: str, overrides: list[str], device: str | None = DEVICE) -> Any:
    """A training of the registry at its last act, on random images, long after every warm-up."""
    from ssavl.engine.device import choose
    from ssavl.engine.run import Run
    from ssavl.images.draws import Draws
    from ssavl.methods.method import Common
    from ssavl.methods.registry import make

    long = [f"train-gan.iterations={2 * AFTER_WARM_UP}", f"train.iterations={2 * AFTER_WARM_UP}"]
    params, compute = _params([*overrides, *long]), choose(device)
    rng = compute.generator(0)
    images = torch.randint(256, (IMAGES, 1, 28, 28), dtype=torch.uint8)
    take = _prepared(images) if compute.device.type == "cpu" else _resident(images)
    data = Draws((1, 28, 28), IMAGES, take, lambda n: iter(take(torch.arange(n)).split(n)), rng)
    own = params.train_gan if method == "ss-avl" else params.train
    section = own
    if method != "ss-avl":
        from ssavl.methods.registry import METHODS

        section = METHODS[method].params()
    built = make(method, section, Common.of(params, own, rng), data)
    for module in built.modules.values():
        compute.place(module)
    if "clusters" in built.modules:  # as if they had been found
        built.modules["clusters"].labels.random_(10)
    run = Run(built.modules, built.acts[-1:], compute, rng, Path(tempfile.mkdtemp()))
    run.playing.step = AFTER_WARM_UP
    return run


def _prepared(images: Tensor) -> Callable[[Tensor], Tensor]:
    """As prepared data draw them."""
    held = images.numpy()
    return lambda i: (torch.from_numpy(held[i.cpu().numpy()]).float() / 255).to(i.device)


def _resident(images: Tensor) -> Callable[[Tensor], Tensor]:
    """The same on a GPU that has room for all."""
    held = images.to(DEVICE)
    return lambda i: held[i].float() / 255


def _compiled() -> Step:
    """An iteration whose networks are compiled."""
    from ssavl.engine.compiling import compiled
    from ssavl.engine.device import choose

    run = training("ss-avl", EVERY_STEP)
    block = compiled(run.modules.values(), choose(DEVICE, compiled=True))
    block.__enter__()  # for as long as the process lives
    return run.iterate


def _phase(run: Any, name: str) -> None:
    """One phase of an iteration."""
    from ssavl.engine.update import update

    playing = run.playing
    phase = next(own for own in playing.act.phases if own.name == name)
    known = getattr(playing, "parameters", playing.modules)  # an older checkout has no such
    update(phase, AFTER_WARM_UP, known, playing.optimisers, run.compute)


def _generator(shape: tuple[int, int, int], latents: Any, width: int = 16) -> Any:
    from ssavl.networks.generator import ConvGenerator

    return ConvGenerator(latents, shape, width, 256, {}).eval().requires_grad_(False)


def _fit() -> Any:
    """The default study's fit-encoders, on an untrained generator."""
    from ssavl.methods.networks import latent_space
    from ssavl.objectives.likelihood import Likelihood

    params = _params([])
    generator = _generator((1, 28, 28), latent_space(params.latents))
    likelihood = Likelihood.of(params.likelihood)
    return _fitting(generator, likelihood, params.fit_encoders, params.beta)


def reading(size: int, latents: int = LATENTS, batch: int = BATCH, width: int = 32) -> Step:
    """fit-encoders of somebody's generator of noise, by the toolkit's defaults but for sizes."""
    from ssavl.latents.priors import Block
    from ssavl.latents.space import LatentSpace
    from ssavl.objectives.likelihood import Likelihood
    from ssavl.params.stages import FitEncodersParams

    space = LatentSpace([Block("noise", "noise", "normal", latents)])
    generator = _generator((3, size, size), space, width)
    params = FitEncodersParams(batch_size=batch, encoder={"width": width})
    return _fitting(generator, Likelihood(), params).iterate


def _fitting(generator: Any, likelihood: Any, params: Any, beta: float = 1.0) -> Any:
    """A fit of encoders to a generator, ready to run."""
    from ssavl.engine.device import choose
    from ssavl.engine.run import Run
    from ssavl.runs.fitting import Subject, dreaming

    compute = choose(DEVICE)
    rng = compute.generator(0)
    method, _ = dreaming(Subject(compute.place(generator), likelihood, beta, rng), params, {})
    for module in method.modules.values():
        compute.place(module)
    return Run(method.modules, method.acts, compute, rng, Path(tempfile.mkdtemp()))


def _model(what: str) -> Step:
    """What people ask of a model of the default study's sizes."""
    import ssavl
    from ssavl.methods.networks import latent_space

    params = _params([])
    generator = _generator((1, 28, 28), latent_space(params.latents))
    model = ssavl.fit(
        generator,
        iterations=1,
        device=DEVICE,
        encoder={"width": 16, "features": 256},
        progress=False,
    )
    x = torch.rand(1000, 1, 28, 28, device=DEVICE)
    if what == "encode-one":
        return lambda: model.encode(x[:1])
    if what == "encode-many":
        return lambda: model.encode(x)
    return lambda: model.invert(x[:16], steps=10)


def _disentanglement() -> Step:
    """Every metric of 3,000 points of ten dimensions and five factors."""
    import numpy as np

    from ssavl.metrics.disentanglement.all import disentanglement
    from ssavl.metrics.disentanglement.representation import represent

    rng = np.random.default_rng(0)
    factors = rng.integers(0, [3, 6, 8, 8, 8], (3_000, 5))
    codes = factors @ rng.normal(size=(5, 10)) + rng.normal(size=(3_000, 10))
    sample = represent(codes, factors, np.linspace(0, 4, 10))
    return lambda: disentanglement(sample, 2_000, 1_000, 20, 2, 0, 1)


def naive(what: str) -> Step:
    """The same as users write it."""
    import naive as own
    import numpy as np

    if what in LARGE:
        size = LARGE[what]
        generator = own.Generator(LATENTS, 3, size, 32).eval()
        return own.Reading(generator, own.Encoder(LATENTS, 0, 3, size, 32), LATENTS).step
    if what in ("fit", "fit-frozen"):
        return own.Fit(own.Generator(28), still=what == "fit-frozen").step
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28, 1), dtype=np.uint8)
    study = own.Study(images, np.zeros(IMAGES, dtype=int), 2 if what == "default" else 1)
    steps = {"critic": study.critic_step, "generator": study.generator_step}
    return steps.get(what, study.step)


def pythae(what: str) -> tuple[Step, int]:
    """An epoch of its VAE on the networks of `naive.py`, by its trainer, and its batches."""
    import naive as own
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            BaseEncoder.__init__(self)
            self.own = own.Encoder(own.NOISE)

        def forward(self, x: Tensor) -> Any:
            mean, log_variance, _ = self.own(x)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            BaseDecoder.__init__(self)
            self.own = own.Generator(own.NOISE)

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.own(z))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=own.NOISE, reconstruction_loss="mse")
    model = VAE(config, Encoder(), Decoder())
    count = 20
    trainer = BaseTrainer(
        model,
        train_dataset=_tensors(torch.rand(count * BATCH, 1, 28, 28)),
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=BATCH,
            no_cuda=DEVICE == "cpu",
            train_dataloader_num_workers=0,
        ),
    )
    trainer.prepare_training()
    return (lambda: trainer.train_step(1)), count


def _tensors(x: Tensor) -> Any:
    from pythae.data.datasets import BaseDataset

    return BaseDataset(x, torch.zeros(len(x)))


def main(who: str, what: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = globals()[who](what)
    step, each = found if isinstance(found, tuple) else (found, 1)
    print("ready", flush=True)
    for line in sys.stdin:
        times = max(1, int(line) // each)
        began = time.perf_counter()
        for _ in range(times):
            step()
        if DEVICE != "cpu":
            torch.cuda.synchronize()
        print((time.perf_counter() - began) / (times * each), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
