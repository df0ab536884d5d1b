# Two commands: `make run` and `make test`. The rest is for development.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SPARK := $(VENV)/.spark

.DEFAULT_GOAL := help
.PHONY: help install spark run ui stop test lint types sql pytest measure secrets pictures lock clean

help: ## Show the commands.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

install: $(READY) ## Install exactly what constraints.txt lists, into .venv.

# --no-deps: the file is the whole environment, nothing is resolved at install time. Compiled once, here:
# dozens of processes import these packages, some where Python may not write beside them.
$(READY): constraints.txt pyproject.toml requirements.in
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Gatehouse needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@echo "Installing what is locked into $(VENV) (once, about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt uv
	@$(BIN)/uv pip install -q --system-certs --python $(BIN)/python --no-deps --compile-bytecode -r constraints.txt
	@$(BIN)/uv pip install -q --system-certs --python $(BIN)/python --no-deps -e .
	@touch $(READY)

spark: $(SPARK) ## Install what the Spark engine adds; it needs Java 17.

$(SPARK): $(READY) constraints-spark.txt
	@echo "Installing Spark and Iceberg into $(VENV) (once, about a minute)"
	@$(BIN)/uv pip install -q --system-certs --python $(BIN)/python --no-deps --compile-bytecode -r constraints-spark.txt
	@touch $(SPARK)

run: install ## Run the pipeline through Airflow; DATA=path for a landing folder of your own.
	@$(BIN)/gatehouse run $(if $(DATA),--data "$(DATA)")

ui: install ## Start the Airflow UI and say where it is.
	@$(BIN)/gatehouse ui

stop: install ## Stop the Airflow that `make run` left running.
	@$(BIN)/gatehouse stop

test: lint types sql pytest ## Everything that CI runs.

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: install
	@$(BIN)/mypy

sql: install ## dbt conventions and SQL style; a skipped file fails.
	@$(BIN)/python -m tests.dbt.lint

# Two at a time; a file's tests together, they share what is costly to make; the long ones come early.
pytest: spark
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

measure: spark ## Run one measurement: make measure NAME=real
	@test -n "$(NAME)" || { echo "Which one? make measure NAME=…:"; ls benchmarks/*.py | sed 's/.*\/\(.*\)\.py/  \1/' | grep -v _; exit 2; }
	@$(BIN)/python benchmarks/$(NAME).py

# Files that exist stay as they are. The folder is the owner's alone; in it, whoever runs a container may read.
secrets: ## Make the passwords and keys of a deployment, in ./secrets.
	@mkdir -p -m 700 secrets
	@for name in PGPASSWORD AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY SPARK_SECRET; do \
		test -s secrets/$$name || $(PYTHON) -c 'import secrets; print(secrets.token_hex(24), end="")' > secrets/$$name; \
		chmod 644 secrets/$$name; \
	done
	@echo "secrets/ is made; next: docker compose up --build --detach"

pictures: install ## Take the pictures of docs/guides/incident-in-airflow.md; CHROMIUM=path of the browser.
	@$(BIN)/python benchmarks/pictures.py

lock: install ## Resolve requirements.in into constraints.txt, for every supported Python.
	$(BIN)/uv pip compile -q --system-certs --universal --python-version 3.11 --upgrade --no-annotate --no-header requirements.in -o constraints.txt
	@sed 's/ ;.*//' constraints.txt > $(VENV)/pinned.txt
	$(BIN)/uv pip compile -q --system-certs --universal --python-version 3.11 --no-annotate --no-header -c constraints.txt requirements-spark.in \
		| sed 's/ ;.*//' | grep -vxFf $(VENV)/pinned.txt > constraints-spark.txt

clean: ## Remove the environment and everything the default home holds.
	rm -rf $(VENV) .gatehouse
