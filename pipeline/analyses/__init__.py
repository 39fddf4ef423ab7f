"""One module per analysis; the catalog's `analysis` names the module, so that no list of them exists."""

from importlib import import_module

from pipeline.analyses.types import Analysis
from pipeline.catalog import OPERATIONS


def load(operation: str) -> Analysis:
    """The analysis behind an operation of the catalog, for example "LabelDetection".

    Raises:
        KeyError: the catalog has no such operation.
    """
    analysis: Analysis = import_module(f"pipeline.analyses.{OPERATIONS[operation].analysis}").ANALYSIS
    return analysis
