"""Tables of known faces: collections of accounts, their faces and users, and the celebrities of the installation."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from pipeline.store.metadata import Moment, metadata

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts by itself only in columns of this name."""

collections = Table(
    "collections",
    metadata,
    Column("number", NUMBER, primary_key=True, comment="in the order of creation"),
    Column("id", String(32), nullable=False, comment="never given twice, not even by another database"),
    # NULL on a deleted collection whose faces are still being removed: it is nobody's, and its name is free.
    Column("account", String(12)),
    Column("name", String(255), nullable=False, comment="CollectionId"),
    Column("arn", String(400), nullable=False),
    Column("face_model_version", String(16), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("faces", BigInteger, nullable=False, comment="how many there are"),
    Column("next_position", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="counts the transactions that added or removed faces"),
    Column("listed_from", BigInteger, nullable=False, comment="removals up to this revision are not listed any more"),
    Column(
        "image_namespace",
        String(32),
        comment="what ImageIds are made with, where it is not the id: that of the collection it was copied from",
    ),
    Column("lease_until", Moment, comment="somebody fills this collection of nobody until then"),
    Column("users", BigInteger, nullable=False, server_default="0", comment="how many there are"),
    UniqueConstraint("account", "name"),
    sqlite_autoincrement=True,
)

faces = Table(
    "faces",
    metadata,
    Column("collection", BigInteger, ForeignKey("collections.number", ondelete="CASCADE"), primary_key=True),
    Column(
        "position", BigInteger, primary_key=True, autoincrement=False, comment="in the order of arrival, never reused"
    ),
    Column("id", String(36), nullable=False, comment="FaceId"),
    Column("image_id", String(36), nullable=False),
    Column("external_image_id", String(255)),
    Column("box_left", Double, nullable=False),
    Column("box_top", Double, nullable=False),
    Column("box_width", Double, nullable=False),
    Column("box_height", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("model_version", String(16), nullable=False),
    Column("user_id", String(128), comment="whose face it is: a user of the collection, or a celebrity"),
    Column("vector", LargeBinary, nullable=False, comment="float32, little-endian, of length 1"),
    UniqueConstraint("collection", "id"),
    # With the position, so that no planner prefers to walk the whole collection in that order.
    Index(None, "collection", "image_id", "position"),
    Index(None, "collection", "user_id", "position"),
)

removed_faces = Table(
    "removed_faces",
    metadata,
    Column("collection", BigInteger, ForeignKey("collections.number", ondelete="CASCADE"), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Index(None, "collection", "revision"),
)

renewed_faces = Table(
    "renewed_faces",
    metadata,
    Column("collection", BigInteger, ForeignKey("collections.number", ondelete="CASCADE"), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("model_version", String(16), nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="as in faces"),
)
"""Embeddings by a newer model, until there is one for every face of their collection."""

users = Table(
    "users",
    metadata,
    Column("number", NUMBER, primary_key=True, comment="in the order of creation"),
    Column("collection", BigInteger, ForeignKey("collections.number", ondelete="CASCADE"), nullable=False),
    Column("id", String(128), nullable=False, comment="UserId"),
    Column("faces", Integer, nullable=False, comment="how many there are"),
    Column("model_version", String(16), comment="of the embeddings that the vector was made of"),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("collection", "id"),
    Index(None, "collection", "number"),
    sqlite_autoincrement=True,
)

celebrities = Table(
    "celebrities",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("urls", JSON, nullable=False),
    Column("known_gender", String(16)),
    Column("created_at", Moment, nullable=False),
)
