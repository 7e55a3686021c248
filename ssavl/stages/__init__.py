"""Stages, one file each: (parameters, input paths, output folder) -> files.

The pipeline's own, those that stand beside it (a baseline, a judge, further measurements), and
what several of them share.
"""
