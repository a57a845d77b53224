"""What this machine could do at best, for the records' shares of it."""

from __future__ import annotations

__all__ = ["cpu_name", "memory_rate", "peak"]


def cpu_name() -> str:
    """The processor and its instruction set."""
    from tatamu.runtime import machine

    cpu = machine.cpu()
    return f"{cpu.name}, {cpu.isa}"


def peak() -> float:
    """Measured GFLOP/s of this machine with the threads in use, 0 where nothing can be compiled.

    The better of two measurements, since other work on the machine can only slow one down.
    """
    import tatamu
    from tatamu.errors import CompileError
    from tatamu.runtime import machine

    try:
        threads = tatamu.get_num_threads()
        return max(machine.fma_peak(threads), machine.fma_peak(threads, again=True))
    except (CompileError, ImportError):
        return 0.0


def memory_rate() -> float:
    """Measured GB/s between memory and the threads in use, 0 where nothing can be compiled."""
    import tatamu
    from tatamu.runtime.calibration import rates
    from tatamu.stage import host

    if host() is None:
        return 0.0
    known = rates()
    return (known.together if tatamu.get_num_threads() > 1 else known.bandwidth) / 1e9
