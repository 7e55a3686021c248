"""``ssavl init``: a project of one's own, from a study that comes with the package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ssavl.errors import UserError
from ssavl.projects.studies import files
from ssavl.storage.files import write_bytes
from ssavl.version import __version__

VERSION = "ssavl-version.txt"

CONFIG = """\
[core]
    analytics = false
    check_update = false
    autostage = false
{scm}[cache]
    type = "reflink,hardlink,copy"
[parsing]
    bool = boolean_optional
    list = append
"""
NO_SCM = "    no_scm = true\n"

README = """\
# {name}

A study of ssavl, started from `{study}` with `ssavl init`.

```sh
dvc repro      # everything that has changed; stopped, the same command continues
ssavl params   # every parameter: meaning, range, default
{show}
```

| file | is |
|---|---|
| `params.yaml` | the parameters |
{rows}| `dvc.yaml` | the stages and what each reads and writes |
| `data/` | what they write |

**Another value.** Edit `params.yaml`, then `dvc repro`: the stages that read it run again.
{experiments}

**Your own images.** In `params.yaml`, under `prepare-data`: `dataset: folder` and `root: photos`.
{upgrade}"""
EXPERIMENTS = "`dvc exp run -S beta=0.1` does both, and keeps the result as an experiment."
NO_GIT = """\
`dvc exp run` needs git, which is not here yet:
`git init && dvc config --unset core.no_scm && git add -A && git commit -m start`."""
UPGRADE = f"""
**Another version of ssavl.** `{VERSION}` names the one that this study is run with, and
every stage depends on it. After an upgrade `ssavl --version > {VERSION}` makes all of them run
again.
"""


def init(folder: Path, study: str) -> dict[str, Any]:
    """Write a project into a folder, new or with other files in it.

    What was killed on the way is completed: files that hold what they should stay.

    Raises:
        UserError: it has another file of such a name already, or cannot be written.
    """
    contents = {name: text.encode() for name, text in _contents(folder, study).items()}
    missing = []
    for name, content in contents.items():
        path = folder / name
        if not path.exists():
            missing.append(name)
        elif not path.is_file() or path.read_bytes() != content:
            raise UserError(f"{path} exists, and nothing is overwritten: name another folder")
    for name in missing:
        write_bytes(folder / name, contents[name])
    return {"study": study, "folder": str(folder), "files": list(contents)}


def _contents(folder: Path, study: str) -> dict[str, str]:
    """The text of each file of a project."""
    own = files(study)
    # The repository's stages depend on its code; here a file says which version that is.
    own["dvc.yaml"] = re.sub(r"(?m)^( +- )ssavl$", rf"\g<1>{VERSION}", own["dvc.yaml"])
    if VERSION in own["dvc.yaml"]:
        own[VERSION] = f"ssavl, version {__version__}\n"
    here = folder.resolve()
    git = any((parent / ".git").exists() for parent in (here, *here.parents))
    ignored = ["__pycache__/", ".venv/", ".ssavl/", ".lock", ""]
    return {
        **own,
        ".gitignore": "\n".join([*_cached(own["dvc.yaml"]), *ignored]),
        ".dvcignore": "\n".join(ignored),
        ".dvc/config": CONFIG.format(scm="" if git else NO_SCM),
        ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
        "README.md": _readme(here.name, study, own, git),
    }


def _readme(name: str, study: str, own: Mapping[str, str], git: bool) -> str:
    """What a project says of itself."""
    measured = "--out data/evaluate\n" in own["dvc.yaml"]
    recipe = "| `recipe.yaml` | those that `params.yaml` leaves out |\n"
    return README.format(
        name=name,
        study=study,
        show="ssavl metrics  # what was measured" if measured else "cat summary.json",
        rows=recipe if "recipe.yaml" in own else "",
        experiments=EXPERIMENTS if git else NO_GIT,
        upgrade=UPGRADE if VERSION in own else "",
    )


def _cached(pipeline: str) -> list[str]:
    """What DVC keeps and git does not, as lines of a ``.gitignore``."""
    stages = yaml.safe_load(pipeline)["stages"].values()
    outs = [out for stage in stages for out in stage.get("outs", []) if isinstance(out, str)]
    matrix = any("${" in out for out in outs)  # a folder per run
    return ["/data/"] if matrix else [*sorted(f"/{out}" for out in outs), "/data/*/log-*.csv"]
