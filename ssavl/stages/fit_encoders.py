"""``fit-encoders``: the encoders that a generator never had,
without one real image (Eqs. 25, 26, 27).

Nothing here reaches ``ssavl.datasets``: import-linter checks it, and the stage's dependencies name
no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssavl.engine.run import Run
from ssavl.errors import UserError
from ssavl.generators import Generator, Source, load_generator
from ssavl.generators.inspection import inspect, require
from ssavl.generators.own import load_training_encoders
from ssavl.latents.priors import Role
from ssavl.latents.space import LatentSpace
from ssavl.methods.ssavl import Fitting, fit_phases
from ssavl.models.inference import InferenceModel, build_encoders
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.trunk import Trunk
from ssavl.objectives.likelihood import Likelihood
from ssavl.params.shared import InvarianceParams
from ssavl.params.stages import FitEncodersParams, Params
from ssavl.runs.fitting import ReadImages, Watch, encoder_modules, leave_encoders, transformation
from ssavl.runs.workspace import Options, seed_everything, workspace
from ssavl.storage.checkpoint import rebuilding

NAMES = {"both": "ssavl", "code": "ssavl1", "noise": "ssavl2"}
CODE: tuple[Role, ...] = ("code", "category")
NOISE: tuple[Role, ...] = ("noise",)


def fit_encoders(
    params: Params, gan: Source, out: Path, options: Options, watch: ReadImages | None = None
) -> dict[str, Any]:
    """Write ``encoders.pt``, ``log.csv`` and ``run.json``.

    Args:
        watch: reads images for the columns ``watched/...`` of the log, and for nothing else.

    Raises:
        UserError: a generator that cannot be read or is unfit, images that no encoder here can
            read, an encoder for blocks that the generator has not, a loss that is not finite.
        Interrupted: a signal; the same command continues.
    """
    fit = params.fit_encoders
    if fit.transformations != InvarianceParams() and fit.objective != "elbo":
        raise UserError(
            f"fit-encoders.transformations need fit-encoders.objective elbo, not {fit.objective}: "
            "no latents are known that made a transformed image"
        )
    compute = options.compute()
    generator = compute.place(load_generator(gan))
    require(inspect(generator, params.seed), gan.spec, gradient=fit.objective != "latent-nll")
    rng = seed_everything(params.seed, compute)
    left = _left_by_training(generator, gan) if fit.start_from == "gan" else {}
    try:
        encoders = _encoders(fit, generator, gan, left)
        model = compute.place(InferenceModel(encoders, NAMES[fit.encoders], fit.image_noise))
    except ValueError as error:
        raise UserError(f"no encoder fits {gan.spec}: {error}") from None
    likelihood = Likelihood(params.likelihood.name, params.likelihood.sigma)
    transform = transformation(fit.transformations, rng)
    fitting = Fitting(
        likelihood, params.beta, fit.relaxation, fit.objective, fit.image_noise, transform
    )
    settings = params.model_dump(
        mode="json", by_alias=True, include={"seed", "beta", "likelihood", "fit_encoders"}
    )
    watched = Watch(watch, generator.image_shape)
    with workspace(
        "fit-encoders", settings | gan.settings() | watched.settings, gan.files(), out, compute
    ) as work:
        modules = encoder_modules(model)
        shares = {
            name: fit.start_rate for name, encoder in modules.items() if encoder.space in left
        }
        run = Run(
            modules,
            fit_phases(
                modules,
                generator,
                lambda: generator.latent_space.sample(fit.batch_size, rng),
                fitting,
            ),
            options.schedule(fit, shares),
            compute,
            rng,
            work.scratch,
            probe=watched.probe(model, generator, likelihood, params.seed, compute),
        )
        run.train()
        return leave_encoders(run, model, work, generator, gan)


def _left_by_training(generator: Generator, gan: Source) -> dict[LatentSpace, Encoder]:
    """The encoders beside a generator of ours; none beside anyone else's."""
    if not isinstance(generator, ConvGenerator):
        return {}
    with rebuilding(gan.path):
        return {
            encoder.space: encoder for encoder in build_encoders(load_training_encoders(gan.path))
        }


def _encoders(
    fit: FitEncodersParams, generator: Generator, gan: Source, left: Mapping[LatentSpace, Encoder]
) -> list[Encoder]:
    space = generator.latent_space
    wanted = [
        LatentSpace(blocks) for blocks in (space.of_role(*CODE), space.of_role(*NOISE)) if blocks
    ]
    if fit.encoders != "both":
        roles = CODE if fit.encoders == "code" else NOISE
        wanted = [LatentSpace(blocks) for blocks in (space.of_role(*roles),) if blocks]
        if not wanted:
            raise UserError(
                f"{gan.spec} has the latents {space!r}: "
                f"there is nothing for encoders = {fit.encoders}"
            )
    shape = generator.image_shape
    return [
        left.get(s) or Encoder(Trunk(shape, fit.encoder.width, fit.encoder.features), s)
        for s in wanted
    ]
