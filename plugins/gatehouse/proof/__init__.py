"""Proof of life: each gate, detection and alert shows in each cycle that it would speak."""
