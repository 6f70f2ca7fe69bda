"""Counterpoise, `benchmarks`: measure what is claimed."""
