"""Adversarial inference: encoders and generators that a discriminator brings together."""
