"""The index of a collection, as every process that searches has it."""

from pipeline.faces.index import FaceIndex
from pipeline.services import Services
from pipeline.store.collections import FACE_MODEL_VERSION, Collection


class OtherVersionError(Exception):
    """The faces were embedded by another version of the face model, whose numbers mean nothing to this one; the message says which."""


def face_index(services: Services, collection: Collection) -> FaceIndex:
    """What searches the faces of the collection.

    Raises:
        OtherVersionError: they cannot be compared with embeddings made here.
    """
    check_version(collection)
    return FaceIndex(services.engine, services.settings.face_matrices_path, collection)


def check_version(collection: Collection) -> None:
    """Refuses collections whose faces cannot be compared with embeddings made here.

    Raises:
        OtherVersionError: for those.
    """
    if collection.face_model_version != FACE_MODEL_VERSION:
        raise OtherVersionError(
            f"The faces of {collection.name} were indexed with version {collection.face_model_version} of the face model, and this "
            f"server has {FACE_MODEL_VERSION}; index them anew (reelsight collections reindex)."
        )
