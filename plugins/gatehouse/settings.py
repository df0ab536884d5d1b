"""Every setting, read from the environment (``GATEHOUSE_*``); the defaults need nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatehouse.errors import GatehouseError

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


class Settings(BaseSettings):
    """Where things are and how much they may use.

    Attributes:
        project: the checkout, with ``dbt_project/``, ``sources/`` and ``expectations/``.
        home: everything that is written; two homes run side by side.
        landing: folder in which files arrive.
        catalog: DuckLake catalog: ``sqlite:PATH`` or ``postgres:CONNECTION STRING``.
        data_path: where the lake's Parquet files are: a folder, or ``s3://BUCKET/PREFIX``.
        store_url: SQLAlchemy URL of the operational store.
        api_host: address the Airflow UI binds to.
        api_port: port of the Airflow UI; the two ports above it are used for log servers.
        memory_limit: DuckDB memory limit of one process, e.g. ``8GB``.
        threads: DuckDB threads of one process.
        lock_timeout_seconds: how long a writer waits for the one before it.
        certificate_days: how long a certificate is good for.
    """

    model_config = SettingsConfigDict(env_prefix="GATEHOUSE_", frozen=True)

    project: Path = Field(default_factory=_find_project)
    home: Path = Path(".gatehouse")
    landing: Path = Path()
    catalog: str = ""
    data_path: str = ""
    store_url: str = ""
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8931, ge=1024, le=65000)
    memory_limit: str = "6GB"
    threads: int = Field(default=2, ge=1)
    lock_timeout_seconds: float = Field(default=900, ge=0)
    certificate_days: int = Field(default=7, ge=1)

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
