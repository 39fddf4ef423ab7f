"""What `scripts/bench_service.py` consists of."""
