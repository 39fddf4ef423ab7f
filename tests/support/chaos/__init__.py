"""Parts of `scripts/chaos.py`: real installations, faults that are injected into them, and what is checked at the end."""
