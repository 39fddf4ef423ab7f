"""The parts of `scripts/bench_growth.py`."""
