"""How Alembic runs the migrations: on the connection that `migrate` gives it."""

from alembic import context

from pipeline.store import face_schema, notify_schema, request_schema, schema
from pipeline.store.metadata import metadata

# The imports fill the metadata.
assert (
    request_schema.requests.metadata
    is schema.jobs.metadata
    is notify_schema.topics.metadata
    is face_schema.faces.metadata
    is metadata
)

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")
with context.begin_transaction():
    context.run_migrations()
