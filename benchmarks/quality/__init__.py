"""Quality of single parts: checkpoints, guards, vector samplers."""
