"""Colours: CIELAB, and the names that CSS has for them."""
