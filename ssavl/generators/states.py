"""State dicts as people save them, found by what a network needs.

A training wrapper puts a prefix before every key (DataParallel, ``torch.compile``, DeepSpeed,
FSDP), a framework nests the weights or keeps two networks in one flat dict (Lightning), and a
general checkpoint has an optimiser and a loss beside them. No list of names tells all that. What
tells it is the network: keys and shapes are tried as they are, then without what wrappers add, then
below each prefix, and the only one that fits is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssavl.errors import UserError, few

State = dict[str, Tensor]
Fit = Callable[[State], nn.Module | None]  # the network with these weights, where they fit it

WRAPPERS = {"module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module"}
WRAPPERS |= {"_checkpoint_wrapped_module"}
# of optimisers: they have the shapes of weights and are none
MOMENTS = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step", "momentum_buffer", "square_avg"}
MOMENTS |= {"acc_delta", "grad_avg", "exp_inf", "sum", "prev", "master_param"}
COUNTERS = "num_batches_tracked"  # of BatchNorm; older checkpoints lack them
WHOLE = "."  # as a key: the file itself
LISTED = 6  # candidates that a message names


class NoneFits(UserError):
    """No weights in a checkpoint are those of the network that is looked for."""


@dataclass(frozen=True)
class Candidate:
    """Tensors of a checkpoint that may be a network's.

    Attributes:
        key: dotted, where they are; empty for the whole file.
        state: by name below that.
    """

    key: str
    state: State

    @property
    def identity(self) -> frozenset[int]:
        """What tensors they are."""
        return frozenset(map(id, self.state.values()))


def held(payload: object, key: str = "") -> Iterator[Candidate]:
    """Every mapping of names to tensors in a checkpoint, those in lists too (as ``0``, ``1``, ...);
    of optimisers' moments and single numbers none.

    Raises:
        UserError: a tensor among them without an array of its values.
    """
    if isinstance(payload, list | tuple):
        payload = dict(enumerate(payload))
    if not isinstance(payload, Mapping):
        return
    state = {
        name: value
        for name, value in payload.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if any(value.ndim for value in state.values()) and not set(state) & MOMENTS:
        for name, value in state.items():
            if value.layout != torch.strided or value.is_quantized or value.is_meta:
                raise UserError(
                    f"{name} is sparse, quantised or without values: save it as a dense tensor of "
                    "floats"
                )
        yield Candidate(key, state)
    for name, value in payload.items():
        if isinstance(value, Mapping | list | tuple):
            yield from held(value, f"{key}.{name}" if key else str(name))


def below(candidate: Candidate) -> Iterator[Candidate]:
    """The parts of a flat state dict below each prefix of its keys, shorter prefixes first."""
    parts: dict[str, State] = {}
    for name, value in candidate.state.items():
        words = name.split(".")
        for depth in range(1, len(words)):
            prefix, rest = ".".join(words[:depth]), ".".join(words[depth:])
            parts.setdefault(prefix, {})[rest] = value
    for prefix in sorted(parts, key=lambda prefix: (prefix.count("."), prefix)):
        key = f"{candidate.key}.{prefix}" if candidate.key else prefix
        yield Candidate(key, parts[prefix])


def unwrapped(name: str) -> str:
    """A key without what wrappers put into it."""
    return ".".join(word for word in name.split(".") if word not in WRAPPERS)


def choose(payload: object, path: object, key: str | None, fit: Fit, what: str) -> nn.Module:
    """The network with the only weights in a checkpoint that fit it.

    Args:
        path: of the checkpoint, for messages.
        key: of the weights meant, in full or its last parts; ``None`` for all.
        what: the network, for messages.

    Raises:
        NoneFits: no weights that fit.
        UserError: none under the key, or several that fit.
    """
    whole = list(held(payload))
    parts = [part for candidate in whole for part in below(candidate)]
    if key is not None:
        named = [one for one in [*whole, *parts] if _named(one.key, key)]
        if not named:
            raise UserError(f"{path} has no weights under --key {key}: there are {_listed(whole)}")
        shortest = min(len(one.key) for one in named)
        whole = [one for one in named if len(one.key) == shortest]
        parts = [part for candidate in whole for part in below(candidate)]
    for among in (whole, parts):
        fitting = _distinct([(one, network) for one in among if (network := fit(one.state))])
        if len(fitting) == 1:
            return fitting[0][1]
        if fitting:
            keys = " or ".join(repr(one.key or WHOLE) for one, _ in fitting[:LISTED])
            raise UserError(f"{path} holds several of {what}: choose one with --key {keys}")
    raise NoneFits(f"{path} holds no weights of {what}: there are {_listed(whole)}")


def _named(own: str, key: str) -> bool:
    return own == ("" if key == WHOLE else key) or own.endswith(f".{key}")


def _distinct(
    fitting: list[tuple[Candidate, nn.Module]],
) -> list[tuple[Candidate, nn.Module]]:
    """Those that are no part of another, and of equal ones the first: a prefix more finds the same
    tensors again, and an average that was just begun has the values of what it averages.
    """
    found: list[tuple[Candidate, nn.Module]] = []
    for one, network in sorted(fitting, key=lambda pair: -len(pair[0].identity)):
        if not any(
            one.identity <= other.identity or _equal(one.state, other.state) for other, _ in found
        ):
            found.append((one, network))
    return found


def _equal(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _listed(candidates: list[Candidate]) -> str:
    """What there is, in a few words: each with its number of tensors."""
    words = []
    for one in candidates:
        tops = {name.split(".")[0] for name in one.state}
        inside = f" ({', '.join(sorted(tops)[:4])}...)" if len(tops) <= 4 else ""
        words.append(
            f"{repr(one.key) if one.key else 'the file itself'} with "
            f"{len(one.state)} tensors{inside}"
        )
    return few(words, LISTED, "; ") or "none"


def loader(network: nn.Module) -> Fit:
    """Loads a state into a network, where keys and shapes are those that it needs: as they are,
    or else but for what wrappers put into either side's keys.
    """
    need = {name: _like(value) for name, value in network.state_dict().items()}
    plain = {unwrapped(name): name for name in need}

    def fit(state: State) -> nn.Module | None:
        for names in ({name: name for name in need}, plain):
            spell = (lambda name: name) if names is not plain else unwrapped
            given = {names.get(spell(name), ""): value for name, value in state.items()}
            missing = [name for name in need if name not in given and not _counts(name)]
            if len(given) < len(state) or "" in given or missing:
                continue
            if all(_like(value) == need[name] for name, value in given.items()):
                network.load_state_dict(given, strict=False)
                return network
        return None

    return fit


def misfit(network: nn.Module, payload: object) -> str:
    """Why none of a checkpoint's weights fit, by the nearest."""
    need = network.state_dict()
    best, reason = -1, "it has none of its keys"
    for candidate in [*held(payload), *(p for one in held(payload) for p in below(one))]:
        state = {unwrapped(name): value for name, value in candidate.state.items()}
        plain = {unwrapped(name): value for name, value in need.items()}
        shared = set(state) & set(plain)
        if len(shared) <= best or not shared:
            continue
        best = len(shared)
        shapes = [n for n in plain if n in shared and state[n].shape != plain[n].shape]
        lacking = [n for n in plain if n not in state and not _counts(n)]
        extra = [n for n in state if n not in plain]
        if shapes:
            ours, theirs = tuple(plain[shapes[0]].shape), tuple(state[shapes[0]].shape)
            reason = f"{shapes[0]} is {theirs}, where {ours} is needed"
        elif lacking:
            reason = f"{lacking[0]} is missing"
        elif extra:
            reason = f"{extra[0]} is not of it"
        else:
            reason = "its numbers are complex on one side and real on the other"
    return reason


def _like(value: Tensor) -> tuple[tuple[int, ...], bool]:
    """Shape, and whether complex: torch would drop the imaginary part in silence."""
    return tuple(value.shape), value.is_complex()


def _counts(name: str) -> bool:
    return name.rpartition(".")[2] == COUNTERS
