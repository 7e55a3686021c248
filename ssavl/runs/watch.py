"""Images to watch while encoders are fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from torch import Tensor

from ssavl.engine.device import Compute
from ssavl.generators.protocol import Generator
from ssavl.models.inference import InferenceModel
from ssavl.objectives.likelihood import Likelihood
from ssavl.runs.probe import HeldOut, Probe, Watched, together

ReadImages = Callable[[tuple[int, int, int]], Tensor]


class Watch:
    """Images from elsewhere that a fit's log reports on, and nothing else ever sees.

    The stage is handed a reader rather than images or paths, because it must not reach real data by
    itself: who calls it decides.

    Args:
        read: images ``(N, C, H, W)`` in [0, 1] of the shape ``(C, H, W)`` that it is given;
            ``None`` for nothing.
        shape: of the generator's images.
    """

    def __init__(self, read: ReadImages | None, shape: tuple[int, int, int]) -> None:
        self.x = read(shape) if read is not None else None

    @property
    def settings(self) -> dict[str, str]:
        """What ``run.json`` says of them; part of the run's identity,
        since they make columns of its log.
        """
        if self.x is None:
            return {}
        return {"watch": hashlib.sha256(self.x.cpu().contiguous().numpy().tobytes()).hexdigest()}

    def probe(
        self,
        model: InferenceModel,
        generator: Generator,
        likelihood: Likelihood,
        seed: int,
        compute: Compute,
    ) -> Probe:
        """What a row of the log holds: the held-out generated images,
        and these where there are any.
        """
        held_out = HeldOut(model, generator, likelihood, seed, compute)
        if self.x is None:
            return held_out
        return together(held_out, Watched(self.x, model, generator, likelihood, seed, compute))
