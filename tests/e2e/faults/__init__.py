"""Faults injected into running installations."""
