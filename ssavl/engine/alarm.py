"""What is not finite, found out on a GPU without the CPU waiting for it at each update.

The device itself leaves out the steps: Adam asks ``found_inf``, a number that is there for scaled
losses. From the first update that is not finite on, no step moves a weight; the CPU looks now and
then, and then says which update it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ssavl.engine.finite import NotFiniteError, fault, gradients_of


class Alarm:
    """Raised on the device by the first update that is not finite.

    Args:
        optimisers: all of an act; each must be able to leave out a step (:meth:`fits`).
        device: theirs.
    """

    def __init__(self, optimisers: Sequence[torch.optim.Optimizer], device: torch.device) -> None:
        self.raised = torch.zeros((), device=device)
        self.iteration = torch.zeros((), dtype=torch.int64, device=device)
        self._iterations = torch.zeros((), dtype=torch.int64, device=device)
        self._told: dict[tuple[str, ...], Tensor] = {}  # 1 and the terms of who raised it
        for optimiser in optimisers:
            optimiser.found_inf = self.raised  # type: ignore[attr-defined]

    @staticmethod
    def fits(optimisers: Sequence[torch.optim.Optimizer]) -> bool:
        """Whether all of them can leave out a step."""
        return all(getattr(own, "_step_supports_amp_scaling", False) for own in optimisers)

    def begin(self, iteration: int) -> None:
        """Count from here on: nothing that came before is of this run."""
        self._iterations.fill_(iteration)

    def heed(
        self, phase: str, means: Mapping[str, Tensor], optimisers: Sequence[torch.optim.Optimizer]
    ) -> None:
        """Look at an update between its backward and its step, without waiting."""
        key, terms = (phase, *means), torch.stack([term.float() for term in means.values()])
        if key not in self._told:
            self._told[key] = torch.zeros(len(key), device=terms.device)
        total = torch.nn.utils.get_total_norm(gradients_of(optimisers))
        finite = means["loss"].isfinite() & total.isfinite()
        first = ~finite & (self.raised == 0)
        told, now = self._told[key], torch.cat([first.float()[None], terms])
        told.copy_(torch.where(first, now, told))
        self.iteration.copy_(torch.where(first, self._iterations, self.iteration))
        self.raised.add_(first.float())

    def end(self) -> None:
        """Count an iteration."""
        self._iterations.add_(1)

    def look(self) -> NotFiniteError | None:
        """Wait for the device: what it met, if it met anything; no weight was moved since."""
        if not self.raised.item():
            return None
        for (phase, *names), told in self._told.items():
            first, *terms = told.tolist()
            if first:
                return fault(phase, dict(zip(names, terms, strict=True)))
        raise AssertionError("an alarm that nobody raised")
