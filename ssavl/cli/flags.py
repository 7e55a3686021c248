"""The options that commands share, as click has them."""

from __future__ import annotations

import click

from ssavl.cli.kinds import ASSIGNMENT, DEVICE, PATH, Real
from ssavl.cli.parameter import parameter

FILE = click.option(
    "--params",
    type=PATH,
    metavar="FILE",
    show_default="params.yaml, if there is one here",
    help="Parameter file.",
)
SET = click.option(
    "--set",
    "assignments",
    type=ASSIGNMENT,
    multiple=True,
    metavar="KEY=VALUE",
    help="Parameter to set, over the file's value; may be repeated.",
)
PARAMETERS = (
    FILE,
    SET,
    parameter("seed", 0, click.IntRange(0, 2**31 - 1), "Seed of everything random."),
)
COMPUTES = (
    click.option(
        "--device",
        type=DEVICE,
        metavar="DEVICE",
        show_default="SSAVL_DEVICE, else auto",
        help="Device to compute on: auto, cpu, cuda, cuda:1, mps, ...",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "float32", "bf16"]),
        show_default="SSAVL_PRECISION, else auto",
        help="Precision that networks compute in.",
    ),
)
TRAINS = (
    click.option(
        "--compile",
        "compiled",
        is_flag=True,
        envvar="SSAVL_COMPILE",
        show_default="SSAVL_COMPILE, else off",
        help="Compile the networks that are trained, by torch.compile, on a GPU.",
    ),
    click.option(
        "--checkpoint-seconds",
        type=Real(0),
        default=60.0,
        show_default=True,
        help="Seconds between saves of the state that a stopped run resumes from.",
    ),
    click.option(
        "--finish",
        is_flag=True,
        help="Take what a stopped run of this command has learned so far for its result.",
    ),
    click.option(
        "--from-state",
        type=PATH,
        metavar="FILE",
        show_default="that of a stopped run of this command, else none",
        help="State of another run to go on from, with other parameters: a state.pt in .ssavl.",
    ),
)
PRINTS = (
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print the result as JSON, and nothing else on stdout.",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Check the parameters, say what would run, write nothing.",
    ),
)
