"""Metrics: tensors and arrays in, numbers out, one per image or one for all."""
