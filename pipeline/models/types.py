"""What the compute half sees of a model: named arrays in, arrays out."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray


class Session(Protocol):
    """A loaded model; safe to call from one thread at a time."""

    @property
    def version(self) -> str:
        """Version that results report."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Key-value texts stored inside the model file."""

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The model's outputs in the order of the model file.

        Raises:
            ModelError: the inputs do not fit the model.
        """


class Models(Protocol):
    """Where detectors get their models from; loads each once per process, on first use."""

    def has(self, name: str) -> bool:
        """Whether `load` can give the model: it is pulled (or local) and its licence accepted."""

    def load(self, name: str) -> Session:
        """The verified, loaded model that the manifest calls `name`.

        Raises:
            ModelError: the model is unknown, not pulled, damaged, or its licence was not accepted.
        """
