"""The one training loop, and what it stands on: devices, precision, signals, logs, resume.

Beside it the one optimiser of our own, L-BFGS for many small problems at once.
"""
