r"""How near generated images are to real ones, in the features of a judge.

The mathematics is torch-fidelity's (Obukhov et al. 2020): the Frechet distance between Gaussians
fitted to the features (Heusel et al. 2017), the unbiased squared kernel distance (Binkowski et al.
2018), the exponentiated mutual information between image and class (Salimans et al. 2016), and
k-nearest-neighbour precision and recall (Kynkaanniemi et al. 2019). Images become uint8 first, as
they are on disk, so nothing depends on whether they were written. Its loop and its cache are not
used: the cache reads pickles and knows entries by name only. Tests hold all five numbers against
its own, on PNG files.

``fid``, ``kid`` and ``isc`` are names for Inception alone. With any other judge it is a Frechet
*classifier* distance, which compares with nothing but itself: the same judge (a hash of its weights
says so), at the same number of images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import (
    KEY_METRIC_FID,
    fid_features_to_statistics,
    fid_statistics_to_metric,
)
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric
from torch_fidelity.metric_prc import (
    KEY_METRIC_PRECISION,
    KEY_METRIC_RECALL,
    prc_features_to_metric,
)

from ssavl.engine.device import Compute
from ssavl.errors import UserError
from ssavl.images.writer import quantise
from ssavl.models.extractor import Extractor
from ssavl.networks.classifier import Classifier
from ssavl.storage.files import sha256
from ssavl.storage.weights import weights_hash

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

KERNEL_SUBSETS, KERNEL_SUBSET_SIZE = 100, 1000  # the convention of KID; fewer images are one subset
SCORE_SPLITS = 10  # the convention of the Inception score, of 50,000 images
SCORE_IMAGES = 5000  # in a split: of fewer the score is a good deal too low
NEIGHBOURS = 3  # of Kynkaanniemi et al. 2019
ROWS = 1000  # of a matrix of distances that are in memory at once

Features = Mapping[str, Tensor]  # (N, F) by layer, on the CPU

NAMES = {
    "inception": {"frechet": "fid", "kernel": "kid", "score": "isc"},
    "classifier": {
        "frechet": "frechet_classifier_distance",
        "kernel": "kernel_classifier_distance",
        "score": "classifier_score",
    },
}


class ClassifierFeatures(FeatureExtractorBase):  # type: ignore[misc] # torch-fidelity has no types
    """A classifier as torch-fidelity takes feature extractors, always in float32.

    Args:
        network: frozen.
        name: unique to the weights, because torch-fidelity keys its cache by it.
    """

    def __init__(self, network: Classifier, name: str) -> None:
        super().__init__(name, list(self.get_provided_features_list()))
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits of uint8 images ``(B, 3, H, W)``;
        grey ones come as three equal channels.
        """
        channels = self.network.trunk.image_shape[0]
        with torch.autocast(x.device.type, enabled=False):
            features = self.network.features(x[:, :channels].float() / 255)
            return features, self.network.head(features)

    @staticmethod
    def get_provided_features_list() -> tuple[str, str]:
        return "features", "logits"

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "logits" if metric == "isc" else "features"

    @staticmethod
    def can_be_compiled() -> bool:
        return False


@dataclass(frozen=True)
class Judge:
    """Whose features are compared.

    Attributes:
        network: gives them.
        name: what it is.
        weights: hash of its weights.
        names: what its distances and its score are called; no score where its classes mean nothing.
        accuracy: of a trained classifier, by split.
    """

    network: FeatureExtractorBase
    name: str
    weights: str
    names: Mapping[str, str]
    accuracy: Mapping[str, float] | None = None

    @property
    def layers(self) -> list[str]:
        """The layers that it gives."""
        return list(self.network.get_requested_features_list())

    def layer(self, metric: str) -> str:
        """The layer that torch-fidelity's metric (``fid``, ``kid``, ``isc``, ``prc``) takes."""
        return str(self.network.get_default_feature_layer_for_metric(metric))

    def record(self) -> dict[str, Any]:
        """What an entry of its results says of it."""
        accuracy = {"accuracy": dict(self.accuracy)} if self.accuracy is not None else {}
        return {"extractor": self.name, "weights": self.weights, **accuracy}


def classifier_judge(extractor: Extractor) -> Judge:
    """A classifier that was trained on the data set at hand."""
    network = ClassifierFeatures(extractor.network, f"classifier-{extractor.weights}").eval()
    name = f"classifier of {extractor.data['name']}"
    return Judge(network, name, extractor.weights, NAMES["classifier"], extractor.accuracy)


def untrained_judge(extractor: Extractor, compute: Compute, seed: int = 0) -> Judge:
    """A network of the same shape with random weights:
    what training adds to the distances shows beside it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Classifier.from_config(extractor.network.config)
    compute.place(network.eval().requires_grad_(False))
    weights = weights_hash(network)
    names = {key: name for key, name in NAMES["classifier"].items() if key != "score"}
    return Judge(
        ClassifierFeatures(network, f"untrained-{weights}").eval(),
        "untrained classifier",
        weights,
        names,
    )


def inception_judge(path: Path, compute: Compute) -> Judge:
    """Inception with the weights that FID means; nothing is ever downloaded.

    Raises:
        UserError: no such file, or another file.
    """
    wanted = f"--inception takes torch-fidelity's {INCEPTION_FILE} (sha256 {INCEPTION_SHA256})"
    if not path.is_file():
        raise UserError(f"{path} is no file: {wanted}")
    found = sha256(path)
    # nothing else is FID, and torch-fidelity's reader would execute what another says
    if found != INCEPTION_SHA256:
        raise UserError(f"{path} has sha256 {found}: {wanted}")
    network = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path)
    )
    return Judge(compute.place(network), "inception-v3-compat", found, NAMES["inception"])


@torch.no_grad()
def features(batches: Iterable[Tensor], judges: Mapping[str, Judge]) -> dict[str, Features]:
    """What each judge sees in images ``(B, C, H, W)`` in [0, 1];
    the images themselves are gone with their batch.
    """
    parts: dict[str, dict[str, list[Tensor]]] = {key: {} for key in judges}
    for x in batches:
        pixels = quantise(x).expand(-1, 3, -1, -1)
        for key, judge in judges.items():
            for layer, found in judge.network.convert_features_tuple_to_dict(
                judge.network(pixels)
            ).items():
                parts[key].setdefault(layer, []).append(found.cpu())
    return {
        key: {layer: torch.cat(found) for layer, found in layers.items()}
        for key, layers in parts.items()
    }


def fidelity(images: Features, real: Features, judge: Judge, seed: int) -> dict[str, float]:
    """Distances of images from real ones, their score, precision and recall,
    by the names that they have with a judge.

    Args:
        images: what the judge sees in generated images, or, for the floor, in other real ones.
        seed: of the subsets and splits.
    """
    a, b = images[judge.layer("fid")], real[judge.layer("fid")]
    result = {judge.names["frechet"]: frechet(a, b)}
    size = min(len(a), len(b), KERNEL_SUBSET_SIZE)
    one_subset_holds_all = len(a) == size and len(b) == size
    result[judge.names["kernel"]] = kid_features_to_metric(
        images[judge.layer("kid")],
        real[judge.layer("kid")],
        kid_subsets=1 if one_subset_holds_all else KERNEL_SUBSETS,
        kid_subset_size=size,
        rng_seed=seed,
        verbose=False,
    )[KEY_METRIC_KID_MEAN]
    if "score" in judge.names:
        logits = images[judge.layer("isc")]
        score = isc_features_to_metric(logits, score_splits(len(logits)), True, seed)
        result[judge.names["score"]] = score[KEY_METRIC_ISC_MEAN]
    near = prc_features_to_metric(
        images[judge.layer("prc")],
        real[judge.layer("prc")],
        prc_neighborhood=NEIGHBOURS,
        prc_batch_size=ROWS,
        save_cpu_ram=True,
        verbose=False,
    )
    return result | {"precision": near[KEY_METRIC_PRECISION], "recall": near[KEY_METRIC_RECALL]}


def score_splits(n: int) -> int:
    """Splits of ``n`` images that the score is a mean over: ten where each has enough, else fewer;
    few images are one.
    """
    return max(1, min(SCORE_SPLITS, n // SCORE_IMAGES))


def frechet(a: Tensor, b: Tensor) -> float:
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) of features ``(N, F)``."""
    of_a, of_b = fid_features_to_statistics(a), fid_features_to_statistics(b)
    return fid_statistics_to_metric(of_a, of_b, verbose=False)[KEY_METRIC_FID]
