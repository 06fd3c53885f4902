"""The dossier of a version: everything a reviewer needs to say yes or no, as one document and one page.

Both are functions of the evidence alone: the same evidence gives the same bytes, so the digest of the page names what a
person has read.
"""

from windtunnel.ml.dossier.document import Document, Evidence, Month, Step
from windtunnel.ml.dossier.page import render, summary
from windtunnel.ml.dossier.weighing import write

__all__ = ["Document", "Evidence", "Month", "Step", "render", "summary", "write"]
