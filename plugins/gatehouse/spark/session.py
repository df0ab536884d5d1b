"""The Spark session of this process: the tables of one warehouse, with nothing but ours in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gatehouse.errors import GatehouseError, telling
from gatehouse.lake.lake import SCHEMAS
from gatehouse.settings import Settings
from gatehouse.spark.daemon import properties, secrets_of_driver, spark_memory

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_INSTALL = "make spark"
_CATALOG = "spark.sql.catalog.spark_catalog"
_WAREHOUSE = f"{_CATALOG}.warehouse"
_SILENT = "-Dlog4j2.level=OFF"
# Iceberg's own tag for the Spark and Scala of the pyspark that is locked.
_RUNTIME = "iceberg-spark-runtime-3.5_2.12-*.jar"


def spark_session(settings: Settings) -> SparkSession:
    """The session, started if need be; seconds the first time in a process.

    Raises:
        GatehouseError: Spark, Iceberg or Java is missing, or the cluster does not answer.
    """
    try:
        from pyspark import SparkConf, SparkContext
        from pyspark.sql import SparkSession
    except ImportError:
        raise GatehouseError("Spark is not installed.", next_step=_INSTALL) from None
    if SparkContext._active_spark_context is not None:
        running = SparkSession.builder.getOrCreate()
        if running.conf.get(_WAREHOUSE, "") == settings.warehouse:
            return running
        # A process has one; another home's is another warehouse.
        running.stop()
    if settings.spark_master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    if "://" in settings.warehouse:
        raise GatehouseError(
            "The warehouse is an address, and has to be a folder.",
            next_step="set GATEHOUSE_WAREHOUSE to one that driver and workers see.",
        )
    Path(settings.warehouse).mkdir(parents=True, exist_ok=True, mode=0o700)
    configuration = _configuration(settings)
    with telling_errors("Spark", "check that Java 17 is there, and GATEHOUSE_SPARK_MASTER."):
        # What Java is started with, everybody on the machine can see; what it is told then, nobody.
        SparkContext._ensure_initialized(conf=SparkConf().setAll([*configuration.items()]))
        builder = SparkSession.builder.appName("gatehouse").config(map=configuration)
        session = builder.config(map=secrets_of_driver(os.environ)).getOrCreate()
        for schema in SCHEMAS:
            session.sql(f"create namespace if not exists {schema}")
    return session


@contextmanager
def telling_errors(what: str, next_step: str = "gatehouse builds") -> Iterator[None]:
    """Turn what Spark raises, pages of Java that may quote rows, into an error that can be shown.

    Raises:
        GatehouseError: Spark raised something.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException, OSError) as error:
        raise GatehouseError(
            f"{what} failed: {telling(str(error))}.", next_step=next_step
        ) from None


def stop_session() -> None:
    """End this process's session, if it has one."""
    try:
        from pyspark import SparkContext
        from pyspark.sql import SparkSession
    except ImportError:
        return
    if SparkContext._active_spark_context is not None:
        SparkSession.builder.getOrCreate().stop()


def _configuration(settings: Settings) -> dict[str, str]:
    return {
        "spark.master": settings.spark_master,
        **properties(os.environ),
        "spark.jars": settings.iceberg_jar or str(_iceberg_jar()),
        "spark.driver.memory": spark_memory(settings.memory_limit),
        # A failed cast quotes what it could not cast, and workers keep what is logged.
        "spark.driver.extraJavaOptions": _SILENT,
        "spark.executor.extraJavaOptions": _SILENT,
        "spark.local.dir": str(settings.home / "spill"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.extensions": (
            "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
        ),
        _CATALOG: "org.apache.iceberg.spark.SparkCatalog",
        f"{_CATALOG}.type": "hadoop",
        _WAREHOUSE: settings.warehouse,
        # Another process writes, too.
        f"{_CATALOG}.cache-enabled": "false",
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
