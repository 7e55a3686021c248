"""Disentanglement: how codes and the factors of images relate."""
