"""Networks by name, so that a file says which class it needs and no file can name another."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from torch import nn

from ssavl.errors import UserError, shown
from ssavl.networks.classifier import Classifier
from ssavl.networks.components import ComponentEncoders, MixingGenerator
from ssavl.networks.embedding import Embedding
from ssavl.networks.encoder import Encoder
from ssavl.networks.experts import Experts
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.mixture import MixtureEncoder, MixtureGenerator
from ssavl.networks.noisy_encoder import NoisyEncoder
from ssavl.networks.pixelcnn import PixelCnn
from ssavl.networks.point_encoder import PointEncoder
from ssavl.networks.reweighted import ReweightedGenerator
from ssavl.networks.student_clusterer import StudentClusterer


class Rebuildable(Protocol):
    """A network that plain data describe."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> nn.Module:
        """The untrained network that ``config`` describes."""
        ...

    @property
    def config(self) -> dict[str, Any]:
        """Plain data that rebuilds the network."""
        ...


NETWORKS: dict[str, type[Rebuildable]] = {
    "conv-generator": ConvGenerator,
    "reweighted-generator": ReweightedGenerator,
    "encoder": Encoder,
    "point-encoder": PointEncoder,
    "noisy-encoder": NoisyEncoder,
    "experts": Experts,
    "mixing-generator": MixingGenerator,
    "component-encoders": ComponentEncoders,
    "pixelcnn": PixelCnn,
    "mixture-generator": MixtureGenerator,
    "mixture-encoder": MixtureEncoder,
    "classifier": Classifier,
    "embedding": Embedding,
    "student-clusterer": StudentClusterer,
}

Entry = Mapping[str, Any]  # of a file: {"network": a key of NETWORKS, "config", "state"}
Network = TypeVar("Network", bound=nn.Module)


def name_of(network: object) -> str | None:
    """The name of a network's class; ``None`` of one that no file of ours can hold."""
    return next((name for name, kind in NETWORKS.items() if type(network) is kind), None)


def entry(network: nn.Module) -> dict[str, Any]:
    """A network as plain data and tensors; :func:`rebuild` reads it.

    Raises:
        ValueError: a network that has no name.
    """
    name = name_of(network)
    if name is None:
        raise ValueError(f"a {type(network).__name__} has no name in NETWORKS, so no file holds it")
    # in the order of their shape, whatever memory format they were trained in
    state = {key: tensor.contiguous() for key, tensor in network.state_dict().items()}
    return {"network": name, "config": network.config, "state": state}


def kind_of(name: object) -> type[Rebuildable]:
    """The class of a name.

    Raises:
        UserError: none is called so, with the nearest that is.
    """
    if not isinstance(name, str) or name not in NETWORKS:
        near = difflib.get_close_matches(shown(name), NETWORKS, 1, 0.0)[0]
        raise UserError(
            f"no network is called {shown(name)}, the nearest is '{near}': a newer ssavl may have "
            "it"
        )
    return NETWORKS[name]


def rebuild(entry: Entry) -> nn.Module:
    """The network that :func:`entry` wrote, from an entry that
    :class:`ssavl.networks.content.EntryContent` has checked.

    Raises:
        UserError: a name that is not in ``NETWORKS``, or a config out of range.
    """
    network = kind_of(entry["network"]).from_config(entry["config"])
    network.load_state_dict(entry["state"])
    return network


def rebuild_as(kind: type[Network], entry: Entry) -> Network:
    """The same, where a network of one kind is needed.

    Raises:
        UserError: as :func:`rebuild`; a network of another kind.
    """
    network = rebuild(entry)
    if not isinstance(network, kind):
        needed = f"a {kind.__name__} is needed"
        raise UserError(f"the network '{entry['network']}' stands where {needed}")
    return network


def named(entry: Entry, name: str) -> Entry:
    """An entry of FORMAT 1, which had one network for each place: with its ``name``."""
    return {"network": name, **entry}
