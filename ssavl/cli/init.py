"""``ssavl init``: a project of one's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from ssavl.cli.kinds import FOLDER
from ssavl.projects.studies import STUDIES

HELP = """Start a project in FOLDER: parameters, pipeline, README.

It is a copy of one of the package's studies, to run by `dvc repro`. Nothing is overwritten, and
what its commands write stays below FOLDER.

\b
"""
LIST = "\n".join(f"{name:<14} {text}" for name, text in STUDIES.items())


@click.command("init", help=HELP + LIST)
@click.argument("project", metavar="[FOLDER]", type=FOLDER, default=".")
@click.option(
    "--study",
    type=click.Choice(list(STUDIES)),
    default=next(iter(STUDIES)),
    show_default=True,
    help="Study to start from.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def init(project: Path, study: str, as_json: bool) -> None:
    """Start a project."""
    from ssavl.projects.init import init as run

    result = run(project, study)
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"{project}: {study}, {', '.join(result['files'])}")
    enter = "" if project == Path() else f"cd {project} && "
    fetch = "" if shutil.which("dvc") else "pip install 'ssavl[pipeline]' && "
    click.echo(f"next: {fetch}{enter}dvc repro")
