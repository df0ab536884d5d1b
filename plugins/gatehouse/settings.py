"""Every setting, read from the environment (``GATEHOUSE_*``); the defaults need nothing else.

Passwords and keys may come by file: what the folder named by ``GATEHOUSE_SECRETS`` holds are
environment variables, each file's name one, as Docker and Kubernetes put secrets there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatehouse.errors import GatehouseError

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_PROJECT_MARKER = Path("dbt_project") / "dbt_project.yml"


def _find_project() -> Path:
    """The checkout: the working folder or one above it, else where this package came from."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / _PROJECT_MARKER).is_file():
            return folder
    raise GatehouseError(
        "No Gatehouse project found here (no dbt_project/dbt_project.yml).",
        next_step="run from the checkout, or set GATEHOUSE_PROJECT to it.",
    )


def _take_secrets() -> None:
    """Set the variables that `GATEHOUSE_SECRETS` holds and nobody has set."""
    folder = os.environ.get("GATEHOUSE_SECRETS", "")
    if not folder:
        return
    try:
        files = [path for path in Path(folder).iterdir() if _VARIABLE.fullmatch(path.name)]
        for path in files:
            if path.name not in os.environ:
                os.environ[path.name] = path.read_text("utf-8").strip()
    except OSError as error:
        raise GatehouseError(
            f"The secrets in {folder} cannot be read: {error.strerror}.",
            next_step="mend GATEHOUSE_SECRETS, or who may read its files.",
        ) from None


class Settings(BaseSettings):
    """Where things are and how much they may use.

    Attributes:
        project: the checkout, with ``dbt_project/``, ``sources/`` and ``expectations/``.
        home: everything that is written; two homes run side by side.
        landing: folder in which files arrive.
        catalog: DuckLake catalog: ``sqlite:PATH`` or ``postgres:CONNECTION STRING``.
        catalog_schema: schema of a catalog in PostgreSQL; default ``public``.
        data_path: where the lake's Parquet files are: a folder, or ``s3://BUCKET/PREFIX``.
        shared_files: where files lie that the catalog names and another lake owns, of a copy of
            it: they are read, and nothing may clean them up.
        store_url: SQLAlchemy URL of the operational store.
        engine: what builds the tables: ``duckdb``, into DuckLake, or ``spark``, into Iceberg.
        spark_master: the cluster, e.g. ``spark://HOST:7077``; default this machine's cores.
        spark_partitions: tasks that a shuffle is cut into; a few for each core of the cluster.
        iceberg_jar: Iceberg's runtime for Spark; default the one that ``make spark`` installs.
        warehouse: where the Iceberg tables are: a folder that all of the cluster sees.
        airflow: ``embedded``, run by these commands, whatever ``AIRFLOW__…`` the environment has;
            or ``deployed``: its components run by themselves, and what the environment says counts.
        api_host: address the Airflow UI binds to.
        api_port: port of the Airflow UI; the two ports above it are used for log servers.
        memory_limit: DuckDB memory limit of one process, e.g. ``8GB``; beside it a process holds
            up to 1 GB of its own.
        threads: DuckDB threads of one process.
        lock_timeout_seconds: how long a writer waits for the one before it.
        certificate_days: how long a certificate is good for.
    """

    model_config = SettingsConfigDict(env_prefix="GATEHOUSE_", frozen=True)

    project: Path = Field(default_factory=_find_project)
    home: Path = Path(".gatehouse")
    landing: Path = Path()
    catalog: str = ""
    catalog_schema: str = ""
    data_path: str = ""
    shared_files: str = ""
    store_url: str = ""
    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str = ""
    spark_partitions: int = Field(default=4, ge=1)
    iceberg_jar: str = ""
    warehouse: str = ""
    airflow: Literal["embedded", "deployed"] = "embedded"
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8931, ge=1024, le=65000)
    memory_limit: str = "5GB"
    threads: int = Field(default=2, ge=1)
    lock_timeout_seconds: float = Field(default=900, ge=0)
    certificate_days: int = Field(default=7, ge=1)

    def __init__(self, **values: Any) -> None:
        # Before they are read.
        _take_secrets()
        super().__init__(**values)

    @model_validator(mode="after")
    def _resolve(self) -> Self:
        """Fill what depends on other settings, and make every path absolute."""
        project = self.project.expanduser().resolve()
        home = self.home.expanduser()
        home = (home if home.is_absolute() else project / home).resolve()
        derived: dict[str, object] = {"project": project, "home": home}
        if "landing" not in self.model_fields_set:
            derived["landing"] = home / "landing"
        if not self.data_path:
            derived["data_path"] = str(home / "lake" / "data")
        elif "://" not in self.data_path:
            derived["data_path"] = str(Path(self.data_path).expanduser().resolve())
        if not self.warehouse:
            derived["warehouse"] = str(home / "lake" / "iceberg")
        elif "://" not in self.warehouse:
            derived["warehouse"] = str(Path(self.warehouse).expanduser().resolve())
        if not self.spark_master:
            derived["spark_master"] = f"local[{self.threads}]"
        if not self.catalog:
            derived["catalog"] = f"sqlite:{home / 'lake' / 'catalog.sqlite'}"
        if not self.store_url:
            derived["store_url"] = f"sqlite:///{home / 'store.db'}"
        derived.setdefault("landing", self.landing.expanduser().resolve())
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        return self

    def make_home(self) -> Path:
        """The home folder, made if need be: for its owner alone, raw content is in it."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.home

    @property
    def dbt_project(self) -> Path:
        """Folder of the dbt project."""
        return self.project / "dbt_project"

    @property
    def sources(self) -> Path:
        """Folder of the source mappings."""
        return self.project / "sources"

    @property
    def input_contracts(self) -> Path:
        """Folder of the data contracts of the input tables."""
        return self.project / "expectations" / "inputs"

    @property
    def core_suites(self) -> Path:
        """Folder of the GX suites of the core tables."""
        return self.project / "expectations" / "core"
