"""What training objectives are made of.

Losses and bounds are pure functions: one value per sample, shape ``(B,)``, in nats; only a critic's
scores have no unit. Beside them: observation models, random transformations of images, warm-ups,
and the graph of nearest neighbours that clusters are read from.
"""
