"""How much of a study's accuracy comes from the clusters alone?

    python benchmarks/distil.py --gan data/gan/generator.pt --data data/prepared

The clusters of real images that a generator's training started from are distilled into a
classifier, without any GAN: a fresh one learns the cluster of every training image, through the
transformations that the clusters were made with. No true label is read but to measure, on the test
images. Writes benchmarks/distil.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from ssavl.datasets.prepared import Prepared, read_prepared
from ssavl.engine.device import choose
from ssavl.engine.run import Run
from ssavl.methods.extractor import build
from ssavl.metrics.clustering import clustering
from ssavl.metrics.summary import summarise
from ssavl.models.files import load_model
from ssavl.networks.classifier import Classifier
from ssavl.networks.embedding import Embedding
from ssavl.params.shared import InvarianceParams
from ssavl.params.stages import TrainExtractorParams

WIDE = InvarianceParams(rotation=25, scale=0.25, shear=0.4, shift=0.1, warp=0.1, noise=0.1)
BATCH = 1000


def distil(sorter: Embedding, prepared: Prepared, iterations: int, seed: int) -> Classifier:
    """A classifier of the clusters, from real images and no true label."""
    torch.manual_seed(seed)
    compute = choose("cpu", "float32")
    rng = compute.generator(seed)
    draws = replace(prepared.draws("train", rng), labels=sorter.labels)
    params = TrainExtractorParams(
        iterations=iterations,
        decay=iterations // 2,
        learning_rate=0.001,
        width=16,
        features=256,
        invariances=WIDE,
    )
    method = build(params, draws, int(sorter.labels.max()) + 1, rng)
    with tempfile.TemporaryDirectory() as scratch:
        Run(method.modules, method.acts, compute, rng, Path(scratch)).train()
    network = method.modules["classifier"].eval()
    assert isinstance(network, Classifier)
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--gan", type=Path, default=Path("data/gan/generator.pt"))
    parser.add_argument("--data", type=Path, default=Path("data/prepared"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    sorter = load_model(arguments.gan).sorter
    if sorter is None:
        sys.exit(f"{arguments.gan} holds no clusters: train-gan with real_clusters leaves them")
    prepared = read_prepared(arguments.data)
    classes = prepared.labels_of("test")
    means = torch.cat([x.mean((1, 2, 3)) for x in prepared.batches("train", BATCH)])
    if not sorter.knows(means):
        sys.exit(f"{arguments.data} are other images than {arguments.gan} was trained on")
    rows = []
    for seed in range(arguments.seeds):
        network = distil(sorter, prepared, arguments.iterations, seed)
        with torch.no_grad():
            found = torch.cat([network(x).argmax(1) for x in prepared.batches("test", BATCH)])
        rows.append(clustering(found.numpy(), classes))
        print(seed, rows[-1], flush=True)
    plain = {name: summarise([row[name] for row in rows], None).plain() for name in rows[0]}
    arguments.out.write_text(json.dumps(plain, indent=1) + "\n")


if __name__ == "__main__":
    main()
