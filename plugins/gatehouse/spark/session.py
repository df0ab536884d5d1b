"""The Spark session of this process: the tables of one warehouse, with nothing but ours in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gatehouse.errors import GatehouseError
from gatehouse.lake.lake import SCHEMAS
from gatehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_INSTALL = "make spark"
# Iceberg's own tag for the Spark and Scala of the pyspark that is locked.
_RUNTIME = "iceberg-spark-runtime-3.5_2.12-*.jar"


def spark_session(settings: Settings) -> SparkSession:
    """The session, started if need be; seconds the first time in a process.

    Raises:
        GatehouseError: Spark, Iceberg or Java is missing, or the cluster does not answer.
    """
    try:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise GatehouseError("Spark is not installed.", next_step=_INSTALL) from None
    active = SparkSession.getActiveSession()
    if active is not None:
        if active.conf.get("spark.sql.catalog.spark_catalog.warehouse") == settings.warehouse:
            return active
        # A process has one; another home's is another warehouse.
        active.stop()
    # Workers find the driver there, and each other.
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    if "://" in settings.warehouse:
        raise GatehouseError(
            "The warehouse is an address, and has to be a folder.",
            next_step="set GATEHOUSE_WAREHOUSE to one that driver and workers see.",
        )
    Path(settings.warehouse).mkdir(parents=True, exist_ok=True, mode=0o700)
    builder = SparkSession.builder.appName("gatehouse")
    for name, value in _configuration(settings).items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkRuntimeError, OSError) as error:
        raise GatehouseError(
            f"Spark does not start: {type(error).__name__}.",
            next_step="check that Java 17 is there, and GATEHOUSE_SPARK_MASTER.",
        ) from None
    session.sparkContext.setLogLevel("OFF")  # a failed cast quotes what it could not cast
    for schema in SCHEMAS:
        session.sql(f"create namespace if not exists {schema}")
    return session


def stop_session() -> None:
    """End this process's session, if it has one."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        return
    active = SparkSession.getActiveSession()
    if active is not None:
        active.stop()


def _configuration(settings: Settings) -> dict[str, str]:
    catalog = "spark.sql.catalog.spark_catalog"
    return {
        "spark.master": settings.spark_master,
        "spark.jars": settings.iceberg_jar or str(_iceberg_jar()),
        "spark.driver.memory": settings.memory_limit.lower().removesuffix("b"),
        "spark.local.dir": str(settings.home / "spill"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.extensions": (
            "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
        ),
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "hadoop",
        f"{catalog}.warehouse": settings.warehouse,
        # Another process writes, too.
        f"{catalog}.cache-enabled": "false",
        "spark.sql.catalogImplementation": "in-memory",
        # As DuckDB: times without a zone, casts that fail instead of giving null.
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        "spark.sql.ansi.enabled": "true",
        # Small tables are most of them: what one task can do is not given to two hundred.
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        "spark.sql.shuffle.partitions": str(settings.spark_partitions),
    }


def _iceberg_jar() -> Path:
    try:
        import snowpark_connect_deps_iceberg as package
    except ImportError:
        raise GatehouseError(
            "Iceberg's runtime for Spark is not installed.",
            next_step=f"{_INSTALL}, or name the cluster's own in GATEHOUSE_ICEBERG_JAR.",
        ) from None
    folder = Path(next(iter(package.__path__))) / "jars"
    return next(folder.glob(_RUNTIME))
