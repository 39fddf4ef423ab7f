"""The migrations make the tables that the code works with."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from pipeline.store import notify_schema
from tests.support.databases import database_url, engine, postgres_server

__all__ = ["database_url", "engine", "postgres_server"]  # fixtures

OURS = {"topics", "subscriptions", "notifications", "deliveries", "signing_keys"}


def test_migrated_tables_are_those_of_the_schema(engine: Engine) -> None:
    metadata = notify_schema.topics.metadata
    assert metadata.tables.keys() >= OURS
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [one for one in compare_metadata(context, metadata) if any(name in str(one) for name in OURS)]
    assert differences == []
