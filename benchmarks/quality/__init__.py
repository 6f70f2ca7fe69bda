"""Measures of the quality of single parts: checkpoints, guards, vector samplers."""
