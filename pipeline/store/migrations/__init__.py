"""Migrations of the database, applied by `pipeline.store.migrate`."""
