"""A run that was stopped, ended early."""

from __future__ import annotations

from ssavl.engine.run import Run
from ssavl.errors import UserError


def finish(run: Run) -> None:
    """Take the saved state of a run for its end.

    The log gets a row of what came since its last one. The state stays: the run can still go on.

    Raises:
        UserError: no state, or one in which the last act has not begun.
    """
    run.resume()
    if not run.resumed_from:
        raise UserError(
            "--finish: no stopped run of this command left a state; stop one by Ctrl-C, and repeat "
            "its command with --finish"
        )
    if run.number < len(run.acts) - 1 or not run.playing.step:
        raise UserError(
            f"--finish: the run is at {run.playing.where} of '{run.playing.act.name}', and what "
            "comes of it is learned later: let it run on"
        )
    if run.playing.counting:
        run.write_row()
