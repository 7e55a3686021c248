"""How much of a study's accuracy comes from the clusters alone?

    python benchmarks/distil.py --gan data/gan/generator.pt --data data/prepared

The clusters of real images that a generator's training started from are distilled into a
classifier, without any GAN: every training image is labelled by the cluster that is nearest in the
embedding, and a fresh classifier learns these labels through the transformations of the clusters.
No true label is read but to measure, on the test images. Writes benchmarks/distil.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ssavl.datasets.prepared import Prepared, Split, read_prepared
from ssavl.engine.device import choose
from ssavl.engine.run import Run
from ssavl.methods.extractor import build
from ssavl.metrics.clustering import clustering
from ssavl.metrics.summary import summarise
from ssavl.models.files import load_model
from ssavl.models.protocol import Clusterer
from ssavl.networks.classifier import Classifier
from ssavl.params.shared import InvarianceParams
from ssavl.params.stages import TrainExtractorParams

WIDE = InvarianceParams(rotation=25, scale=0.25, shear=0.4, shift=0.1, warp=0.1, noise=0.1)
BATCH = 1000


@torch.no_grad()
def categories(clusterer: Clusterer, prepared: Prepared, split: Split) -> Tensor:
    """The likeliest category of each image of a split, ``(N,)``."""
    batches = prepared.batches(split, BATCH)
    return torch.cat([clusterer.probabilities(x).argmax(1) for x in batches])


def distil(sorter: Clusterer, prepared: Prepared, iterations: int, seed: int) -> Classifier:
    """A classifier of the clusters, from real images and no true label."""
    torch.manual_seed(seed)
    compute = choose("cpu", "float32")
    rng = compute.generator(seed)
    labels = categories(sorter, prepared, "train")
    draws = replace(prepared.draws("train", rng), labels=labels)
    params = TrainExtractorParams(
        iterations=iterations,
        decay=iterations // 2,
        learning_rate=0.001,
        width=16,
        features=256,
        invariances=WIDE,
    )
    method = build(params, draws, int(labels.max()) + 1, rng)
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
    sorter = load_model(arguments.gan).training_clusterer
    if sorter is None:
        sys.exit(f"{arguments.gan} holds no clusters: train-gan with real_clusters leaves them")
    prepared = read_prepared(arguments.data)
    classes = prepared.labels_of("test")
    rows = []
    for seed in range(arguments.seeds):
        network = distil(sorter, prepared, arguments.iterations, seed)
        rows.append(clustering(categories(network, prepared, "test").numpy(), classes))
        print(seed, rows[-1], flush=True)
    plain = {name: summarise([row[name] for row in rows], None).plain() for name in rows[0]}
    arguments.out.write_text(json.dumps(plain, indent=1) + "\n")


if __name__ == "__main__":
    main()
