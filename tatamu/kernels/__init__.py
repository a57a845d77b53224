"""Algorithms that compile to machine code, one to a file; they never see a tensor."""
