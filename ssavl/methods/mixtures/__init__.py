"""Clustering and mixtures: categories, components and experts."""
