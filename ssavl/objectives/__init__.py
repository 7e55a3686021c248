"""Training objectives: pure functions that return one loss or bound per sample, shape ``(B,)``, in nats."""
