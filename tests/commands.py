"""Every command that there is, and one way to call it:
tests over all of them need no new line for a new one.

A command whose arguments are not guessed from the names of its parameters fails the control in
``test_trust``, which says what to add here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ssavl.cli.main import main

# By the name of a parameter: what stands for it in the folder that ``test_trust`` lays out.
ARGUMENTS: dict[str, list[str]] = {
    "images": ["own.npy"],
    "latents": ["own.npz"],
    "runs": ["a=data/evaluate", "b=data/evaluate"],
    "models": ["a=data/encoders"],
    "summary": ["summary.json"],
    "folder": ["data/evaluate"],
    "figure": ["reconstructions"],
    "name": ["vae"],
    "project": ["written/project"],
    "section": ["train-gan"],
}
EXTRA: dict[str, list[str]] = {
    "interpolate": ["-o", "written/walk.png"],
    "render comparison": ["--metric", "mse", "-o", "written/comparison.png"],
    "render beside": ["-o", "written/beside.png"],
    "evaluate disentanglement": ["--encoders", "data/encoders", "--data", "factors.csv"],
    "evaluate likelihood": ["--images", "2", "--k", "2", "--temperatures", "0"],
    "evaluate fidelity": ["-n", "10", "--split", "train", "--cache", "written/cache"],
    "evaluate traversal": ["-n", "2", "--steps", "2"],
    "sample": ["-n", "4", "--latents", "written/own.npz"],
    "score": ["--samples", "1", "-o", "written/score.npz"],
    "invert": ["--refine", "2", "--pictures", "written/pictures"],
    "compare": ["-o", "written/table.json"],
    "export": ["--format", "safetensors", "-o", "written/export"],
    "reconstruct": ["-o", "written/pictures"],
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command by the words that call it."""
    yield from _below("", main)


def _below(prefix: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        words = f"{prefix} {name}".strip()
        if isinstance(command, click.Group):
            yield from _below(words, command)
        else:
            yield words, command


def loads(command: click.Command) -> bool:
    """Whether a command can load a generator or encoders."""
    return {"gan", "encoders"} & {parameter.name for parameter in command.params} != set()


def call(words: str, command: click.Command) -> list[str]:
    """A call that succeeds in that folder, and writes below ``written`` alone."""
    arguments = [*words.split(), *EXTRA.get(words, [])]
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            arguments += ARGUMENTS[str(parameter.name)]
        elif parameter.name == "out" and not {"-o", "--out"} & set(arguments):
            table = "-o" in parameter.opts and words not in ("sample", "decode")
            arguments += [
                parameter.opts[-1],
                f"written/{words.replace(' ', '-')}{'.npz' if table else ''}",
            ]
    return arguments


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder, but for those that a command may write, with its content."""
    return {
        str(path): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and not {"written", ".ssavl"} & set(path.relative_to(root).parts)
        and not path.match("score-*.json")  # what `score` keeps beside the encoders
    }
