"""torch's functions: those that are methods too, by the families of ``tatamu.methods``, and others.

``tatamu`` itself takes all names of this package's modules.
"""
