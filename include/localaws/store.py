"""What SageMaker remembers: JSON documents in SQLite, keyed by region, kind and name."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localaws.wire import Document

# WAL with synchronous=NORMAL: what was committed lies in the page cache and survives kill -9 of this process.
# Only a power cut could lose the last commits, and no job of ours outlives a power cut.
_SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
CREATE TABLE IF NOT EXISTS documents(
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, region TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  document TEXT NOT NULL, UNIQUE(region, kind, name));
CREATE TABLE IF NOT EXISTS counters(
  region TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY(region, name));
"""
Change = Document | Callable[[Document], Document]


class Store:
    """The documents of all regions. Safe to use from several threads; every method is one transaction."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript(_SCHEMA)

    def create(self, region: str, kind: str, name: str, document: Document) -> bool:
        """Stores a document if none of that name exists; stamps CreationTime and LastModifiedTime.

        Returns:
            False when the name is taken; then nothing changed.
        """
        now = time.time()
        stamped = {"CreationTime": now, "LastModifiedTime": now, **document}
        with self._transaction():
            done = self._database.execute(
                "INSERT OR IGNORE INTO documents(region, kind, name, document) VALUES (?, ?, ?, ?)",
                (region, kind, name, json.dumps(stamped)),
            )
            return done.rowcount == 1

    def get(self, region: str, kind: str, name: str) -> Document | None:
        """The document, or None."""
        with self._lock:
            row = self._database.execute(
                "SELECT document FROM documents WHERE region=? AND kind=? AND name=?", (region, kind, name)
            ).fetchone()
        document: Document | None = json.loads(row[0]) if row else None
        return document

    def patch(
        self, region: str, kind: str, name: str, change: Change, *, when: Callable[[Document], bool] | None = None
    ) -> Document | None:
        """Changes a document in one step: read, compare, merge, write.

        Args:
            region: Region of the document.
            kind: Kind of the document.
            name: Name of the document.
            change: Members to set, or a function of the document that returns them.
            when: Condition on the document as it stands; where it does not hold nothing is written.

        Returns:
            The document as written, or None when it does not exist or the condition did not hold.
        """
        with self._transaction():
            document = self.get(region, kind, name)
            if document is None or (when is not None and not when(document)):
                return None
            document.update(change(document) if callable(change) else change)
            document["LastModifiedTime"] = time.time()
            self._database.execute(
                "UPDATE documents SET document=? WHERE region=? AND kind=? AND name=?",
                (json.dumps(document), region, kind, name),
            )
            return document

    def delete(
        self, region: str, kind: str, name: str, *, when: Callable[[Document], bool] | None = None
    ) -> Document | None:
        """Removes a document; returns what it was, or None when it did not exist or `when` did not hold."""
        with self._transaction():
            document = self.get(region, kind, name)
            if document is None or (when is not None and not when(document)):
                return None
            self._database.execute("DELETE FROM documents WHERE region=? AND kind=? AND name=?", (region, kind, name))
            return document

    def all(self, region: str, kind: str) -> list[Document]:
        """All documents of a kind in a region, in the order they were created."""
        with self._lock:
            rows = self._database.execute(
                "SELECT document FROM documents WHERE region=? AND kind=? ORDER BY sequence", (region, kind)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def everywhere(self, kind: str) -> list[tuple[str, str, Document]]:
        """All documents of a kind in all regions as (region, name, document); for recovery after a restart."""
        with self._lock:
            rows = self._database.execute(
                "SELECT region, name, document FROM documents WHERE kind=? ORDER BY sequence", (kind,)
            ).fetchall()
        return [(region, name, json.loads(document)) for region, name, document in rows]

    def next(self, region: str, counter: str) -> int:
        """The next value of a counter, from 1; a value is never given twice, whatever is deleted."""
        with self._transaction():
            self._database.execute(
                "INSERT INTO counters(region, name, value) VALUES (?, ?, 1) "
                "ON CONFLICT(region, name) DO UPDATE SET value = value + 1",
                (region, counter),
            )
            row = self._database.execute(
                "SELECT value FROM counters WHERE region=? AND name=?", (region, counter)
            ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Closes the database; nothing may be read or written afterwards."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
