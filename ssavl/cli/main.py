"""The ``ssavl`` command."""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from typing import Any

import click

from ssavl.cli import parameter_file
from ssavl.cli.evaluate import evaluate
from ssavl.cli.generator import decode, inspect, sample
from ssavl.cli.images import encode, export, interpolate, invert, reconstruct, score
from ssavl.cli.init import init
from ssavl.cli.methods import methods
from ssavl.cli.params import params
from ssavl.cli.pipeline import (
    fit_encoders,
    retrain_r,
    train,
    train_extractor,
    train_gan,
)
from ssavl.cli.prepare import prepare_data
from ssavl.cli.render import render, render_figures
from ssavl.cli.results import compare, metrics
from ssavl.cli.stopping import Stopped, stoppable
from ssavl.errors import BadOption, Interrupted, UserError, first_line, out_of_memory
from ssavl.version import __version__

LONGEST = 1000  # characters of an error message


class Main(click.Group):
    """Lists commands in the order of the pipeline, and turns expected failures into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with stoppable():
                return super().main(*args, **kwargs)
        except Stopped as stop:
            _fail(str(stop), 128 + stop.signum)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            parameter_file.say_absent()
            return result
        except BadOption as error:
            _fail(str(error), 2)
        except UserError as error:
            _fail(str(error), 1)
        except Interrupted as stop:
            _fail(str(stop), 128 + stop.signum)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            _fail(
                f"not enough memory ({first_line(error, 200)}): smaller batches and narrower "
                "networks need less",
                1,
            )
        except OSError as error:
            if error.errno is None:
                raise
            where = f"{error.filename}: " if error.filename else ""
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            hint = "; free space or choose another --out" if full else ""
            _fail(f"{where}{error.strerror}{hint}", 1)


def _fail(message: str, status: int) -> None:
    """One line on stderr: no breaks, no escape codes, whatever a stranger's file put into it."""
    plain = "".join(c if c.isprintable() else " " for c in message)
    line = plain if len(plain) <= LONGEST else f"{plain[:LONGEST]} ..."
    with suppress(OSError):  # a terminal that is gone reads nothing, and the status still counts
        click.echo(f"Error: {line}", err=True)
    sys.exit(status)


@click.group(
    cls=Main,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ssavl")
def main() -> None:
    """Learn the encoder that a GAN never had, without one real image.

    The first six commands are the stages of the pipeline (`dvc repro` runs them all); the others
    use what it leaves, or anyone's generator. Parameters come from params.yaml; --set and the
    options of a command override it.
    """


PIPELINE = (prepare_data, train_gan, fit_encoders, retrain_r, evaluate, render_figures)
METHODS = (train, methods)
JUDGES = (train_extractor,)
GENERATOR = (inspect, sample, decode)
IMAGES = (encode, reconstruct, invert, interpolate, score, export)
RESULTS = (render, metrics, compare)

PROJECT = (init, params)

for command in (*PIPELINE, *METHODS, *JUDGES, *GENERATOR, *IMAGES, *RESULTS, *PROJECT):
    main.add_command(command)
