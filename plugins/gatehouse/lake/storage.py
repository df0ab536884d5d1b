"""Where the lake's files are: a folder, or a bucket of anything that speaks S3."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from gatehouse.errors import GatehouseError
from gatehouse.lake.sql import literal
from gatehouse.settings import Settings

_S3 = "s3://"
# httpfs copies the keys from the environment into settings, which any query can read.
_READABLE = ("s3_access_key_id", "s3_secret_access_key", "s3_session_token")


@dataclass(frozen=True)
class Storage:
    """The place of the lake's files.

    Keys, region and server are found as AWS's own tools find them: ``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT_URL_S3``, ``~/.aws``, the role of the
    machine.

    Attributes:
        root: absolute folder, or ``s3://bucket/prefix``; ends in a slash.
        shared: the same of files that another lake owns; empty for none.
    """

    root: str
    shared: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Storage:
        """The place that the settings name."""
        return cls.parse(settings.data_path, settings.shared_files)

    @classmethod
    def parse(cls, setting: str, shared: str = "") -> Storage:
        """Read the settings ``data_path`` and ``shared_files``.

        Raises:
            GatehouseError: it is an address of something else, or names no bucket.
        """
        if "://" in setting and not setting.startswith(_S3):
            raise GatehouseError(
                "The lake's files are neither in a folder nor at s3://BUCKET/PREFIX.",
                next_step="mend GATEHOUSE_DATA_PATH.",
            )
        if setting.startswith(_S3) and not urlsplit(setting).netloc:
            raise GatehouseError(
                "The address of the lake's files names no bucket.",
                next_step="mend GATEHOUSE_DATA_PATH: s3://BUCKET/PREFIX",
            )
        return cls(setting.rstrip("/") + "/", shared)

    @property
    def roots(self) -> list[str]:
        """All places that a session reads."""
        return [each for each in (self.root, self.shared) if each]

    @property
    def folder(self) -> Path | None:
        """The folder; None for a bucket."""
        return None if self.root.startswith(_S3) else Path(self.root)

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a session reach the files.

        Raises:
            GatehouseError: no keys were found.
        """
        try:
            for statement in self.session_statements():
                connection.execute(statement)
        except duckdb.Error as error:
            raise GatehouseError(
                f"No keys for {self._buckets[0]} were found: {str(error).splitlines()[0]}",
                next_step="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials.",
            ) from None

    @property
    def extensions(self) -> tuple[str, ...]:
        """What DuckDB needs to reach them."""
        return ("httpfs", "aws") if self._buckets else ()

    def session_statements(self) -> list[str]:
        """The SQL that lets any DuckDB session reach the files; holds no key."""
        if not self._buckets:
            return []
        scope = "[" + ", ".join(literal(each) for each in self._buckets) + "]"
        # A role's keys run out: they are fetched anew.
        options = {"type": "s3", "provider": "credential_chain", "refresh": "auto", "scope": scope}
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if region:
            options["region"] = literal(region)
        server = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if server:
            address = urlsplit(server)
            options["endpoint"] = literal(address.netloc)
            options["url_style"] = "'path'"
            options["use_ssl"] = "false" if address.scheme == "http" else "true"
        secret = ", ".join(f"{name} {value}" for name, value in options.items())
        return [
            *(f"load {name}" for name in self.extensions),
            *(f"reset global {name}" for name in _READABLE),
            f"create or replace secret lake_files ({secret})",
        ]

    @property
    def _buckets(self) -> list[str]:
        return [each for each in self.roots if each.startswith(_S3)]

    def make(self) -> None:
        """Make the folder, if it is one."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
