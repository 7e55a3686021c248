"""The one training loop, and what it stands on: devices, precision, signals, logs, resume."""
