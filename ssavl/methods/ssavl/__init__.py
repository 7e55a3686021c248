"""Self-Supervised Adversarial Variational Learning (Ye & Bors 2024), a file per step of it."""
