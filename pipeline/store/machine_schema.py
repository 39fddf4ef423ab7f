"""The tables of machines that join an installation, and of the invitations that let them."""

from sqlalchemy import Column, Integer, String, Table

from pipeline.store.metadata import Moment, metadata

invitations = Table(
    "invitations",
    metadata,
    Column("code_hash", String(64), primary_key=True, comment="SHA-256 of the code, which is kept nowhere"),
    Column("queues", String(64), nullable=False, comment="what the machine's workers take, separated by commas"),
    Column("reach", String(255), comment="host under which other machines reach database, broker and object store"),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("used_at", Moment),
)

machines = Table(
    "machines",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False, comment="host name, as workers call themselves by"),
    Column("queues", String(64), nullable=False),
    Column("version", String(64), nullable=False, comment="of Reelsight, when it joined"),
    Column("cores", Integer, nullable=False),
    Column("device", String(16), nullable=False),
    Column("joined_at", Moment, nullable=False),
)
