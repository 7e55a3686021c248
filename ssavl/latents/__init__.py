"""Latent spaces: blocks and their priors, posteriors, draws, and walks from point to point."""
