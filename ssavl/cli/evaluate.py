"""``ssavl evaluate``: the pipeline's stage, and one sub-command per further kind of measurement."""

from __future__ import annotations

import click

from ssavl.cli.default_group import DefaultGroup
from ssavl.cli.evaluate_disentanglement import disentanglement
from ssavl.cli.evaluate_fidelity import fidelity
from ssavl.cli.evaluate_likelihood import likelihood
from ssavl.cli.evaluate_models import models
from ssavl.cli.evaluate_traversal import traversal


@click.group(cls=DefaultGroup)
def evaluate() -> None:
    """Measure: without a sub-command, every model of the pipeline side by side.

    `ssavl evaluate OPTIONS` is `ssavl evaluate models OPTIONS`.
    """


for command in (models, disentanglement, fidelity, likelihood, traversal):
    evaluate.add_command(command)
