"""``train-gan``: a generator with interpretable codes, from real images."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ssavl.datasets.prepared import MANIFEST, read_prepared
from ssavl.engine.run import LOG, Run, Schedule
from ssavl.errors import UserError
from ssavl.generators.own import save_generator
from ssavl.inference import encoder_entries
from ssavl.methods.ssavl import build_networks, gan_phases
from ssavl.networks.generator import ConvGenerator
from ssavl.params import Params
from ssavl.stages.workspace import Options, seed_everything, workspace


def train_gan(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Write ``generator.pt``, ``log.csv`` and ``run.json``.

    ``generator.pt`` also holds the encoders that the training left: the code encoder of L_MI, under ``interleaved``
    the noise encoder too.

    Raises:
        UserError: missing data, images that the networks cannot make, a loss that is not finite.
        Interrupted: a signal; the same command continues.
    """
    train = params.train_gan
    compute = options.compute()
    prepared = read_prepared(data)
    rng = seed_everything(params.seed, compute)
    try:
        networks = build_networks(train, prepared.image_shape)
    except ValueError as error:
        raise UserError(f"train-gan: {error}") from None
    modules = {name: compute.place(module) for name, module in networks.modules().items()}
    settings = {"seed": params.seed, "train-gan": train.model_dump(mode="json")}
    with workspace("train-gan", settings, {"data": data / MANIFEST}, out, compute) as work:
        run = Run(
            modules,
            gan_phases(networks, train, lambda n: prepared.draw("train", n, rng), rng),
            Schedule(
                train.iterations,
                train.learning_rate,
                train.adam_betas,
                train.decay,
                train.log_every,
                options.checkpoint_seconds,
            ),
            compute,
            rng,
            work.scratch,
            averaged={"generator": train.ema_decay} if train.ema_decay else None,
        )
        run.train()
        generator = run.average("generator")
        assert isinstance(generator, ConvGenerator)
        encoders = [e for e in (networks.code_encoder, networks.noise_encoder) if e is not None]
        save_generator(out / "generator.pt", generator.cpu(), encoder_entries(e.cpu() for e in encoders))
        shutil.copyfile(work.scratch / LOG, out / LOG)
        work.record |= {"iterations": run.step, "resumed_from": run.resumed_from}
        parameters = sum(p.numel() for p in generator.parameters())
    return {"generator": str(out / "generator.pt"), "iterations": run.step, "parameters": parameters}
