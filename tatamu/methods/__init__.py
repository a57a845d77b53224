"""Tensor's methods by family: each file is one base class of Tensor."""
