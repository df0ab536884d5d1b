"""One small world, taken through both engines; Spark on a real cluster of a master and a worker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from _cluster import spark_cluster
from _parity import homes
from _servers import NotHereError
from gatehouse.build import run_build
from gatehouse.detection import run_detections
from gatehouse.environment import environment_variables
from gatehouse.gate import run_gate
from gatehouse.gate.results import GateReport
from gatehouse.ingest import run_ingest
from gatehouse.lake.sql import literal
from gatehouse.settings import Settings
from gatehouse.simulate.run import run_simulation
from gatehouse.spark.session import stop_session
from tests.conftest import PROJECT

ACTORS, DAYS = 250, 5
# Of a few hundred rows nearly all time would go into compiling code for them, Spark's and Java's.
_PLAIN = "spark.sql.codegen.wholeStage false\nspark.sql.codegen.factoryMode NO_CODEGEN\n"
_PLAIN_JAVA = "-XX:TieredStopAtLevel=1"


@dataclass
class Both:
    """A home of each engine, into which the same files arrive.

    Attributes:
        arriving: days that have not arrived, the next one first.
    """

    duckdb: Settings
    spark: Settings
    source: Path
    cluster: Path
    arriving: list[str] = field(default_factory=list)

    def deliver(self, days: int) -> None:
        """Let the next days arrive."""
        for _ in range(days):
            day = self.arriving.pop(0)
            for path in self.source.glob(f"*/{day}/*"):
                target = self.duckdb.landing / path.relative_to(self.source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)

    def restate_actors(self, plan: str, minutes: int) -> None:
        """Let new versions of actors arrive, with another plan, as of so long after the first."""
        path = min(self.source.glob("actors/*/*.parquet"))
        target = self.duckdb.landing / "actors" / path.parent.name / f"again-{plan}.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select * replace ({literal(plan)} as plan_code, "
                f"updated_at + to_minutes({minutes}) as updated_at) "
                f"from read_parquet({literal(str(path))}, hive_partitioning = false) "
                f"order by actor_id limit 5) to {literal(str(target))} (format parquet)"
            )

    def through(self) -> None:
        """Take what has arrived through all stages, on both."""
        for settings in (self.duckdb, self.spark):
            self.check(settings)
            run_detections(settings)

    def check(self, settings: Settings) -> GateReport:
        """Take what has arrived up to the gate."""
        run_ingest(settings)
        run_build(settings).raise_for_failure()
        return run_gate(settings)


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The world before its last day, through both engines."""
    folder = tmp_path_factory.mktemp("both")
    (folder / "spark-defaults.conf").write_text(_PLAIN, "utf-8")
    plain = {"SPARK_CONF_DIR": str(folder), "JAVA_TOOL_OPTIONS": _PLAIN_JAVA}
    with ExitStack() as stack:
        stack.enter_context(environment_variables(plain))
        try:
            master = stack.enter_context(spark_cluster(folder / "cluster", workers=1))
        except NotHereError as reason:
            pytest.skip(str(reason))
        stack.callback(stop_session)
        one, other = homes(folder, master, project=PROJECT, memory_limit="1GB")
        both = Both(one, other, folder / "arriving", folder / "cluster")
        run_simulation(one, actors=ACTORS, days=DAYS, seed=5, folder=both.source)
        both.arriving = sorted({path.parent.name for path in both.source.glob("*/dt=*/*")})
        both.deliver(DAYS - 1)
        both.through()
        yield both
