"""The table of requests that are done once."""

from sqlalchemy import JSON, Column, String, Table

from pipeline.store.metadata import Moment, metadata

requests = Table(
    "requests",
    metadata,
    Column("account", String(12), primary_key=True),
    Column("operation", String(64), primary_key=True),
    Column("token", String(64), primary_key=True, comment="ClientRequestToken"),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the request without its token"),
    Column("subject", String(64), nullable=False, comment="id of what the request is about"),
    Column("answer", JSON, comment="NULL only while the request is being answered"),
    Column("asked_at", Moment, nullable=False, index=True),
)
