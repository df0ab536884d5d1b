"""The parts of a cluster: who may join it, and what of that is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from _servers import free_ports
from gatehouse.errors import GatehouseError
from gatehouse.spark.daemon import (
    SECRET,
    answers,
    command,
    environment,
    main,
    properties,
    secrets_of_driver,
    spark_memory,
)

_OWN = {"PATH": "/bin", SECRET: "0ddba11"}


@pytest.fixture(autouse=True)
def _needs_spark() -> None:
    pytest.importorskip("pyspark")


def test_the_secret_is_in_no_command_and_in_no_property_of_a_daemon() -> None:
    told = environment(_OWN)
    assert [name for name, value in told.items() if "0ddba11" in value] == [
        SECRET,
        "_SPARK_AUTH_SECRET",
    ]
    assert "-Dspark.authenticate=true" in told["SPARK_DAEMON_JAVA_OPTS"]
    assert "-Dspark.network.crypto.enabled=true" in told["SPARK_DAEMON_JAVA_OPTS"]
    # These are on the command line of a driver; the other one is told to it.
    assert "0ddba11" not in str(properties(_OWN))
    assert secrets_of_driver(_OWN) == {"spark.authenticate.secret": "0ddba11"}


def test_without_a_secret_nothing_is_asked_for() -> None:
    assert (properties({}), secrets_of_driver({SECRET: ""})) == ({}, {})


def test_a_worker_offers_what_the_settings_give_and_a_master_listens_where_it_is_called() -> None:
    work = Path("/work")
    master = command("master", "spark://there:7077", cores=2, memory="4g", work=work)
    assert master[1:] == [
        "org.apache.spark.deploy.master.Master",
        *("--webui-port", "0", "--host", "there", "--port", "7077"),
    ]
    worker = command("worker", "spark://there:7077", cores=2, memory="4g", work=work)
    assert worker[4:] == [
        *("--cores", "2", "--memory", "4g", "--work-dir", "/work", "spark://there:7077")
    ]
    assert spark_memory("6GB") == "6g"


@pytest.mark.parametrize("address", ["there:7077", "spark://there", "http://there:7077", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(GatehouseError, match="no address"):
        command("worker", address, cores=1, memory="1g", work=Path("/work"))


def test_a_master_that_does_not_answer_is_unwell() -> None:
    (port,) = free_ports(1)
    assert not answers(f"spark://127.0.0.1:{port}")
    assert main(["check", f"spark://127.0.0.1:{port}"]) == 1
