"""Colours of animations by role: light, and dark where the page is.

Window, kernel and result are amber, blue and rust: apart for every common colour blindness, and
each also has a place and a shape of its own. Counts are steps of grey.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#fbfaf7",
    "ink": "#1c1d21",
    "soft": "#73757d",
    "line": "#d8d3c9",
    "cell": "#ffffff",
    "empty": "#f1eee8",
    "ghost": "#f1eee8",
    "hatch": "#dcd7cd",
    "window": "#ffedb5",
    "window-line": "#d09a06",
    "value": "#8a6200",
    "kernel": "#dcebf8",
    "kernel-line": "#1d5788",
    "weight": "#1d5788",
    "stamp": "#f8dccb",
    "result": "#a8481a",
    "result-ink": "#ffffff",
    "track": "#e8e4dc",
    "bar": "#a8481a",
    "count1": "#eceae5",
    "count2": "#cbc8c1",
    "count3": "#9f9c96",
    "count4": "#5d5b58",
    "count-ink": "#ffffff",
}

DARK = {
    "paper": "#131519",
    "ink": "#e9e6e0",
    "soft": "#9c9ea6",
    "line": "#383d46",
    "cell": "#1a1d22",
    "empty": "#20242a",
    "ghost": "#20242a",
    "hatch": "#343942",
    "window": "#4c3d0e",
    "window-line": "#e3b43a",
    "value": "#f0c659",
    "kernel": "#173349",
    "kernel-line": "#7fb9e6",
    "weight": "#8fc4ec",
    "stamp": "#4a2a17",
    "result": "#e8965c",
    "result-ink": "#131519",
    "track": "#2d3138",
    "bar": "#e8965c",
    "count1": "#2b2f36",
    "count2": "#474c55",
    "count3": "#757a84",
    "count4": "#c9ccd2",
    "count-ink": "#131519",
}
