"""A backend for matplotlib: Agg's pictures, and ``show`` that opens no window.

Matplotlib alone imports this file; where it is not installed there is nothing in it.
"""

from contextlib import suppress

from tatamu.interop.figures import show

__all__ = ["FigureCanvas", "FigureManager", "show"]

with suppress(ImportError):
    from matplotlib.backend_bases import FigureManagerBase as FigureManager
    from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
