"""Variational autoencoders and their kin: generator and encoders learn together."""
