"""``python -m ssavl``: what DVC stages call,
so that an experiment runs the code of its own checkout.
"""

from ssavl.cli.main import main

if __name__ == "__main__":
    main(prog_name="ssavl")
