"""Counterpoise, `classifiers`: train encoders on text."""
