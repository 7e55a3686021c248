"""Acts: what a training consists of, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ssavl.engine.log import LOG
from ssavl.engine.optimiser import Optimiser
from ssavl.engine.phase import Phase
from ssavl.params.shared import OptimisationParams


@dataclass(frozen=True)
class Act:
    """A part of a training with phases of its own: pretraining, then the game itself.

    Optimisers begin anew with each act.

    Attributes:
        name: in messages and in the names of logs.
        phases: in their order within an iteration.
        optimisation: how long and how fast.
        enter: called once before the first iteration, without gradients: k-means, centres, a new
            component. What it finds goes into buffers, or into parameters in place: a resumed run
            does not call it again, and optimisers hold the parameters that were there before.
        tick: called with the iteration's number before its phases, without gradients: what time
            alone decides, such as how far a code is open.
        optimisers: by name, a module's or one that a phase names; by default Adam with the act's
            learning rate and betas.
        coupled: why its losses need a whole batch together; ``None`` where each image has its own,
            so that a batch can be computed in pieces.

    Raises:
        ValueError: pieces of a batch that is coupled.
    """

    name: str
    phases: tuple[Phase, ...]
    optimisation: OptimisationParams
    enter: Callable[[], None] | None = None
    tick: Callable[[int], None] | None = None
    optimisers: Mapping[str, Optimiser] = field(default_factory=dict)
    coupled: str | None = None

    def __post_init__(self) -> None:
        if self.coupled is not None and self.optimisation.pieces > 1:
            raise ValueError(
                f"pieces = {self.optimisation.pieces}, but a batch of act '{self.name}' cannot be "
                f"computed in pieces: {self.coupled}"
            )

    def trained(self, step: int) -> set[str]:
        """Names of the modules that its iteration ``step`` updates."""
        return {name for phase in self.phases if phase.updates(step) for name in phase.modules}


def log_names(acts: Sequence[Act]) -> list[str]:
    """The file of each act's log; the last one's is the training's.

    Raises:
        ValueError: two acts of one name, which would write one file.
    """
    names = [*(f"log-{act.name}.csv" for act in acts[:-1]), LOG]
    if len(set(names)) < len(names):
        raise ValueError(f"acts need names of their own, not {[act.name for act in acts]}")
    return names
