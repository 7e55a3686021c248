"""The functions of ``import ssavl``: fit, train, load."""
