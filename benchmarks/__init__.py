"""Measurements: ratios taken in one run, written to ``benchmarks/results`` with their machine.

``python -m benchmarks.direct``, ``benchmarks.threads`` and ``benchmarks.start``.
"""
