"""What Airflow is told, all of it by environment variables: nothing is read from ``~/airflow``."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatehouse.settings import Settings

# Roles of Airflow's simple auth manager: who may do what is tried out here, before a
# deployment puts a real one (OIDC, LDAP) in its place.
USERS = {"admin": "admin", "steward": "op", "analyst": "viewer"}

_EXECUTION_API = "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"
_EXTRACTOR = "gatehouse.orchestrate.lineage_provider.StageExtractor"
_TRANSFORMER = "gatehouse.orchestrate.lineage_provider.WithoutErrorText"


@dataclass(frozen=True)
class AirflowHome:
    """Files of one Airflow, all below the home of one Gatehouse."""

    folder: Path

    @property
    def log(self) -> Path:
        """Output of all components."""
        return self.folder / "airflow.log"

    @property
    def database(self) -> Path:
        """Airflow's own metadata."""
        return self.folder / "airflow.db"

    @property
    def passwords(self) -> Path:
        """Password by user name, as JSON; readable by the owner only."""
        return self.folder / "passwords.json"

    @property
    def secrets(self) -> Path:
        """Generated signing keys, as JSON; readable by the owner only."""
        return self.folder / "secrets.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.folder / "supervisor.lock"

    @property
    def state(self) -> Path:
        """Process id, address and settings of the running supervisor, as JSON."""
        return self.folder / "supervisor.json"


def airflow_home(settings: Settings) -> AirflowHome:
    """Where this Gatehouse's Airflow lives."""
    return AirflowHome(settings.home / "airflow")


def base_url(settings: Settings) -> str:
    """Address of the UI and the REST API, as this process reaches it."""
    if settings.airflow == "deployed":
        return os.environ.get(_EXECUTION_API, "").removesuffix("/execution/")
    return f"http://{settings.api_host}:{settings.api_port}"


def password_of(settings: Settings, user: str) -> str:
    """The generated password of one of `USERS`."""
    return str(_read_or_make(airflow_home(settings).passwords, _make_passwords)[user])


def airflow_environment(settings: Settings) -> dict[str, str]:
    """The environment of every Airflow process, from this process's own and the settings.

    Makes the folder, the passwords and the signing keys if they are not there yet.
    """
    home = airflow_home(settings)
    settings.make_home()
    home.folder.mkdir(parents=True, exist_ok=True)
    _read_or_make(home.passwords, _make_passwords)
    keys = _read_or_make(home.secrets, _make_secrets)
    made = {
        **_gatehouse(settings),
        "AIRFLOW_HOME": str(home.folder),
        # SQLite's own five seconds are too few where scheduler and tasks write on a busy machine:
        # a command of Airflow's then ended in "database is locked".
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home.database}?timeout=60",
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
        "AIRFLOW__API__SECRET_KEY": keys["api_secret"],
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
        **_core(settings, home),
        **_pace(),
    }
    if settings.airflow == "deployed":
        said = {k: v for k, v in os.environ.items() if k.startswith("AIRFLOW__")}
        environment = {**os.environ, **made, **said}
    else:
        # An Airflow of the user's own must not leak in; connections and variables may.
        environment = {k: v for k, v in os.environ.items() if not _foreign(k)} | made
    # Lineage events cost a start-up in every task: only where somebody takes them.
    if "AIRFLOW__OPENLINEAGE__TRANSPORT" not in environment:
        environment["AIRFLOW__OPENLINEAGE__DISABLED"] = "True"
    else:
        environment |= _lineage(environment)
    # Task processes find `gatehouse` here even if it is not installed.
    path = [str(settings.project / "plugins"), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    return environment


def fingerprint(environment: Mapping[str, str]) -> str:
    """A digest of what makes a running Airflow unfit for reuse when it changes."""
    relevant = {k: v for k, v in environment.items() if k.startswith(("AIRFLOW", "GATEHOUSE_"))}
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


def _foreign(name: str) -> bool:
    ours = ("AIRFLOW_CONN_", "AIRFLOW_VAR_", "AIRFLOW__OPENLINEAGE__", "AIRFLOW__SMTP__")
    return name.startswith("AIRFLOW") and not name.startswith(ours)


def _lineage(environment: Mapping[str, str]) -> dict[str, str]:
    """What makes the provider's events tell of datasets, and keeps the text of errors out.

    Said of its own result again, it changes nothing.
    """
    prefix = "AIRFLOW__OPENLINEAGE__"
    extractors = environment.get(f"{prefix}EXTRACTORS", "").split(";")
    wanted = [each for each in extractors if each.strip() and each != _EXTRACTOR]
    transport = environment[f"{prefix}TRANSPORT"]
    # What is no JSON object stays as it is: the provider says so.
    with contextlib.suppress(ValueError):
        inner = json.loads(transport)
        if isinstance(inner, dict) and inner.get("transformer_class") != _TRANSFORMER:
            transport = json.dumps(
                {"type": "transform", "transport": inner, "transformer_class": _TRANSFORMER}
            )
    return {
        f"{prefix}TRANSPORT": transport,
        f"{prefix}EXTRACTORS": ";".join([*wanted, _EXTRACTOR]),
        # Of jobs; that of datasets is the lake's.
        f"{prefix}NAMESPACE": environment.get(f"{prefix}NAMESPACE", "gatehouse"),
    }


def _gatehouse(settings: Settings) -> dict[str, str]:
    """The settings as they are now, so that a task does not depend on its working folder."""
    return {
        f"GATEHOUSE_{name.upper()}": str(getattr(settings, name))
        for name in type(settings).model_fields
        if getattr(settings, name) is not None
    }


def _core(settings: Settings, home: AirflowHome) -> dict[str, str]:
    users = ",".join(f"{user}:{role}" for user, role in USERS.items())
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.project / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home.passwords),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base_url(settings)}/execution/",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__API__HOST": settings.api_host,
        "AIRFLOW__API__PORT": str(settings.api_port),
        "AIRFLOW__API__BASE_URL": base_url(settings),
        "AIRFLOW__API__INSTANCE_NAME": "Gatehouse",
        # Two homes on one machine must not meet; the log servers themselves are not started.
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(settings.api_port + 1),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(settings.api_port + 2),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home.folder / "logs"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "True",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "GX_ANALYTICS_ENABLED": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "NO_COLOR": "1",
    }


def _pace() -> dict[str, str]:
    """Small waits, and patience.

    Airflow's waits are for hundreds of DAGs and cost a second a task here; its time limits are
    for servers with cores to spare, and a build uses all that this machine has.
    """
    return {
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "120",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "120",
        "AIRFLOW__DAG_PROCESSOR__HEALTH_CHECK_THRESHOLD": "120",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "120",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "90",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    }


def _make_passwords() -> dict[str, str]:
    return {user: secrets.token_urlsafe(12) for user in USERS}


def _make_secrets() -> dict[str, str]:
    return {
        "jwt_secret": secrets.token_urlsafe(64),
        "api_secret": secrets.token_urlsafe(32),
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def _read_or_make(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """The JSON object in ``path``: made by whoever comes first, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(make(), stream)
        try:
            os.link(staged, path)  # fails if somebody was quicker: theirs counts
        except FileExistsError:
            pass
        finally:
            staged.unlink()
    content: dict[str, str] = json.loads(path.read_text("utf-8"))
    return content
