"""A network in tatamu and in every other CPU runtime that is installed, side by side.

Each runtime is a process of its own (`side`), in this environment or another; they take turns.
"""
