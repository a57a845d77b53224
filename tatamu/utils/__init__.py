"""Helpers beside the layers, under torch's names: checkpoint."""
