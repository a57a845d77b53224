"""What the machine has and how it is used: facts, threads, memory, compiled kernels."""
