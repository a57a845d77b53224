"""The lens as a local web page: one photo, one layer, and five sliders."""
