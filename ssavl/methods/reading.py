"""Codes that are read from images that were made of them: a lower bound of their information."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssavl.latents.space import LatentSpace
from ssavl.methods.gan import Gan
from ssavl.methods.shared import Terms, part
from ssavl.networks.encoder import Encoder
from ssavl.objectives.mutual_information import code_nll


@dataclass(frozen=True)
class Reader:
    """Who reads, and what a nat of each kind of latents counts.

    Attributes:
        encoder: q(codes | x).
        category, code: weights of -log q.
    """

    encoder: Encoder
    category: float
    code: float

    def terms(self, drawn: Tensor, x: Tensor, space: LatentSpace) -> Terms:
        """The weighted -log q, ``(B,)``, of latents ``(B, D)`` that made images, and by block what
        is known of it at least, in nats: H + log q <= I (Barber & Agakov 2003).
        """
        known = part(drawn, space, self.encoder.space)
        nll, told = code_nll(self.encoder.posterior(x), known), {}
        loss = torch.zeros(len(x), device=x.device)
        for block in self.encoder.space.blocks:
            weight = self.category if block.role == "category" else self.code
            loss = loss + weight * nll[block.name]
            told[f"mi_{block.name}"] = block.entropy - nll[block.name]
        return {"loss": loss, **told}


def reading_terms(players: Gan, reader: Reader, update: int) -> Terms:
    """What is read of new images."""
    drawn = players.latents.new()
    return reader.terms(drawn, players.generator(drawn), players.space)
