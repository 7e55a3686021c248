"""``train-gan``: a generator with interpretable codes, from real images."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssavl.datasets.prepared import MANIFEST, Prepared, read_prepared
from ssavl.engine.device import Compute
from ssavl.engine.run import LOG, Run, Schedule
from ssavl.errors import UserError
from ssavl.generators.own import save_generator
from ssavl.methods.clusters import embedding_phase, find_clusters
from ssavl.methods.ssavl import DrawClustered, Networks, build_networks, gan_phases
from ssavl.models.inference import encoder_entries
from ssavl.networks.embedding import Embedding
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.trunk import Trunk
from ssavl.params.stages import Params
from ssavl.runs.workspace import Options, Workspace, seed_everything, workspace


def train_gan(params: Params, data: Path, out: Path, options: Options) -> dict[str, Any]:
    """Write ``generator.pt``, ``log.csv`` and ``run.json``.

    ``generator.pt`` also holds the encoders that the training left: the code encoder of L_MI, under
    ``interleaved`` the noise encoder too.

    Raises:
        UserError: missing data or too little to cluster, images that the networks cannot make, a
            loss that is not finite.
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
        clustered = None
        if train.real_clusters.iterations and train.categories:
            clustered = _clustered(params, prepared, networks, rng, compute, work, options)
        run = Run(
            modules,
            gan_phases(networks, train, lambda n: prepared.draw("train", n, rng), rng, clustered),
            options.schedule(train),
            compute,
            rng,
            work.scratch,
            averaged={"generator": train.ema_decay} if train.ema_decay else None,
        )
        run.train()
        generator = run.average("generator")
        assert isinstance(generator, ConvGenerator)
        encoders = [e for e in (networks.code_encoder, networks.noise_encoder) if e is not None]
        save_generator(
            out / "generator.pt", generator.cpu(), encoder_entries(e.cpu() for e in encoders)
        )
        shutil.copyfile(work.scratch / LOG, out / LOG)
        work.record |= {"iterations": run.step, "resumed_from": run.resumed_from}
        parameters = sum(p.numel() for p in generator.parameters())
    return {
        "generator": str(out / "generator.pt"),
        "iterations": run.step,
        "parameters": parameters,
    }


def _clustered(
    params: Params,
    prepared: Prepared,
    networks: Networks,
    rng: torch.Generator,
    compute: Compute,
    work: Workspace,
    options: Options,
) -> DrawClustered:
    """Cluster the training images, and let the code encoder start from the embedding that they were
    clustered in.
    """
    train, clustering = params.train_gan, params.train_gan.real_clusters
    needed = max(clustering.neighbours, clustering.directions, train.categories) + 1
    if len(prepared.span("train")) < needed:
        raise UserError(
            f"train-gan.real_clusters needs {needed} training images or more: lower its "
            "neighbours, directions"
        )
    trunk = Trunk(prepared.image_shape, train.encoder.width, train.encoder.features)
    embedding = compute.place(Embedding(trunk, clustering.size))
    schedule = Schedule(
        clustering.iterations,
        clustering.learning_rate,
        train.adam_betas,
        clustering.decay,
        train.log_every,
        options.checkpoint_seconds,
    )
    phase = embedding_phase(embedding, clustering, lambda n: prepared.draw("train", n, rng), rng)
    run = Run({"embedding": embedding}, [phase], schedule, compute, rng, work.scratch / "embedding")
    run.train()
    run.save()  # a run that is killed later finds the embedding finished
    with compute.autocast():
        batches = (x.to(compute.device) for x in prepared.batches("train", 1000))
        clusters = find_clusters(embedding, batches, train.categories, clustering, params.seed)
    work.record |= {"clusters": clusters.summary(train.categories)}
    assert networks.code_encoder is not None
    if not train.shared_trunk:
        networks.code_encoder.trunk.load_state_dict(embedding.trunk.state_dict())
    labels = clusters.labels.to(compute.device)

    def draw(n: int) -> tuple[Tensor, Tensor]:
        index = torch.randint(len(labels), (n,), generator=rng, device=rng.device)
        return prepared.take("train", index), labels[index]

    return draw
