"""Metrics: pure functions, tensors in, numbers out."""
