# Everything that people and CI do with this tree. `make help` lists it.
PYTHON ?=
PREFIX ?=
ARGS ?=
PYTEST_ARGS ?=
N8N ?= 2.41.1
LABS ?= 6
WATCHERS ?= prometheus newer
BENCH_ARGS ?=
FAULT ?=
MACHINE ?= $(shell uname -m)

venv := .venv
bin := $(venv)/bin
.DEFAULT_GOAL := help
.PHONY: help run install demo test test-unit test-programs test-copies test-n8n test-culprits fresh-test check check-format check-lint check-types check-imports format \
	bench lock deb pex packages-test image image-test clean dev prerequisites FORCE

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: $(venv)/.runtime ## set up what is missing and run; flags: make run ARGS="--web.listen-address=:9103"
	@exec $(bin)/latency-exporter $(ARGS)

install: $(venv)/.runtime ## set up the program as .venv/bin/latency-exporter; PREFIX=/usr/local links to it from there
	@sh deploy/link.sh "$(CURDIR)/$(bin)" "$(PREFIX)"
	@$(call tell_who_can_run_it)

demo: dev ## three hosts, Brazil to USA, with alerts, on this machine; root, an hour; FAULT=cut breaks one thing in it (docs/demo.md)
	@sh tests/packages.sh "the demo" iproute2:ip iptables:iptables postgresql-15:/usr/lib/postgresql/15/bin/postgres
	@sh tests/servers.sh
	@PATH="$(CURDIR)/.cache/servers/usr/bin:$$PATH:/usr/sbin:/sbin" exec $(bin)/python -m tests.demo "$(FAULT)"

test: dev prerequisites ## set up and run all tests but the image's, n8n's and test-culprits; PYTEST_ARGS="-k icmp -x" narrows, "-n0 --pdb" debugs
	$(keep_bytecode) $(bin)/python -m pytest --numprocesses=3 --dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-unit: dev ## the tests of units, half a minute: what needs no root, server, program of its own, real clock or copy of this tree
	$(keep_bytecode) $(bin)/python -m pytest --numprocesses=2 --dist=worksteal \
		-m "not (programs or clock or $(elsewhere))" $(PYTEST_ARGS)

test-programs: dev ## the tests that start programs or need the real clock, and no more than that
	$(keep_bytecode) $(bin)/python -m pytest --numprocesses=3 --dist=worksteal \
		-m "(programs or clock) and not ($(elsewhere))" $(PYTEST_ARGS)

test-copies: dev ## the tests that build, check and run copies of this tree
	$(keep_bytecode) $(bin)/python -m pytest --numprocesses=2 --dist=loadfile -m copies $(PYTEST_ARGS)

test-n8n: dev ## a real n8n runs thousands of executions that end in every way; root, half an hour, 6 GB; N8N=1.123.81
	@sh tests/packages.sh "n8n and its database" npm:npm postgresql-15:/usr/lib/postgresql/15/bin/postgres \
		iproute2:ip iptables:iptables
	@for version in $(sort $(N8N) 1.123.81); do sh tests/n8n/install.sh $$version || exit; done
	N8N_VERSION=$(N8N) $(bin)/python -m pytest tests/n8n -m n8n -o faulthandler_timeout=1200 $(PYTEST_ARGS)

test-culprits: dev prerequisites ## every fault that an alert must blame rightly, at a fleet's own pace; root, an hour; WATCHERS="vmalert"
	WATCHERS="$(WATCHERS)" $(bin)/python -m pytest tests/culprits -m culprits --numprocesses=$(LABS) --dist=worksteal \
		-o faulthandler_timeout=3600 $(PYTEST_ARGS)

fresh-test: ## what CI runs: `make run`, all tests and checks of this commit on a Debian made new; root, a quarter of an hour
	@sh tests/fresh/test.sh

bench: dev $(venv)/.bench ## cost and truth beside fping, smokeping_prober, blackbox_exporter (root, half an hour); BENCH_ARGS="--quick"
	@sh tests/packages.sh "the benchmark's peers" fping:fping prometheus-smokeping-prober:prometheus-smokeping-prober \
		prometheus-blackbox-exporter:prometheus-blackbox-exporter iproute2:ip iptables:iptables
	$(bin)/python -m benchmarks $(BENCH_ARGS)

check: check-format check-lint check-types check-imports ## format, lint, types and the import contract
check-format: dev
	$(bin)/ruff format --check
check-lint: dev
	$(bin)/ruff check
check-types: dev
	$(bin)/mypy
check-imports: dev
	$(bin)/lint-imports --no-logo

format: dev ## let ruff write the format and the fixes that it is sure of
	$(bin)/ruff format
	$(bin)/ruff check --fix

# --- Set-up ---------------------------------------------------------------------------------------
# A stamp is removed before its step and written, with this folder's name, after it. So a stamp that is missing
# or names another folder means a set-up in an unknown state: it is made from scratch (pip's cache makes that quick).
# One that is only older than the lock file is brought up to date in place.

ifneq ($(file < $(venv)/.runtime),$(CURDIR))
$(venv)/.runtime: FORCE
endif

# `compat` is a path instead of an import hook that every start would pay for before the first line of ours runs.
# $(call pip,WHAT,ARGUMENTS): its noise is worth reading only when it fails.
pip = echo "set-up: $(1)" >&2 && { $(bin)/python -m pip --disable-pip-version-check --no-input $(2) >$(venv)/pip.log 2>&1 \
	|| { cat $(venv)/pip.log >&2; echo "set-up failed: $(1); see above, then run make again" >&2; exit 1; }; }

$(venv)/.runtime: requirements.lock setup.cfg pyproject.toml deploy/launcher
	@if [ "$$(cat $@ 2>/dev/null)" != "$(CURDIR)" ] || ! $(bin)/python -c '' 2>/dev/null; then \
		python=$$(sh deploy/python.sh choose $(PYTHON)) && rm -rf $(venv) && "$$python" -m venv $(venv); fi
	@rm -f $@ $(venv)/.dev $(venv)/.bench $(venv)/.deploy
	@$(call pip,packages of requirements.lock,install --require-hashes -r requirements.lock)
	@$(call pip,latency-exporter,install --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .)
	@sed -i -e '1{r deploy/launcher' -e 'd}' $(bin)/latency-exporter && sed -i 's|@PYTHON@|$(CURDIR)/$(bin)/python|' $(bin)/latency-exporter
	@printf %s "$(CURDIR)" >$@
	@$(if $(filter install,$(MAKECMDGOALS)),,$(call tell_who_can_run_it))

$(venv)/.dev: requirements-dev.lock $(venv)/.runtime
	@rm -f $@
	@$(call pip,packages of requirements-dev.lock,install --require-hashes -r requirements-dev.lock)
	@touch $@

$(venv)/.bench: benchmarks/requirements.lock $(venv)/.runtime
	@rm -f $@
	@$(call pip,packages of benchmarks/requirements.lock,install --require-hashes -r benchmarks/requirements.lock)
	@touch $@

$(venv)/.deploy: deploy/requirements.lock $(venv)/.runtime
	@rm -f $@
	@$(call pip,packages of deploy/requirements.lock,install --require-hashes -r deploy/requirements.lock)
	@touch $@

dev: $(venv)/.dev

# What a test may need beyond this machine's Python, by the markers of setup.cfg.
elsewhere := root or servers or databases or browser or image or copies

# Also where the environment forbids it, as images do: each process of the tests would compile everything anew.
keep_bytecode := PYTHONDONTWRITEBYTECODE=

# Files that every user must be able to read, for python.sh to check: of Python, of a package, ours, the command.
tell_who_can_run_it = $(bin)/python -c 'import os, sys, exporter, yaml; \
	print(*(m.__file__ for m in (os, yaml, exporter)), sys._base_executable, "$(bin)/latency-exporter", sep="\n")' \
	| sh deploy/python.sh warn_others

# What tests need beside Python. What can't be had is said here, and the tests left out are listed after the run.
prerequisites:
	@sh tests/packages.sh "tests in network namespaces (marked root)" iproute2:ip iptables:iptables iputils-ping:ping || true
	@sh tests/packages.sh "the overview in a browser (marked browser)" chromium:chromium libatomic1 || true
	@sh tests/packages.sh "probes of real databases" postgresql-15:/usr/lib/postgresql/15/bin/postgres \
		mariadb-server-core:mariadbd mariadb-client-core:mariadb || true
	@sh tests/servers.sh || true
	@sh tests/servers.sh peers || true
	@sh tests/servers.sh sid || true
	@sh tests/servers.sh mariadb || true
	@sh tests/servers.sh databases || true

# --- Now and then ---------------------------------------------------------------------------------

uv := .cache/uv/bin
uv_compile = $(uv)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url $(UV_ARGS)

lock: ## resolve setup.cfg anew into all lock files; UV_ARGS="--upgrade" takes newer versions
	@[ -x $(uv)/uv ] || { python=$$(sh deploy/python.sh choose $(PYTHON)) && "$$python" -m venv .cache/uv && $(uv)/pip install --quiet uv; }
	echo "setuptools >= 66" | $(uv_compile) --output-file requirements.lock setup.cfg -
	echo "setuptools >= 66" | $(uv_compile) --output-file requirements-dev.lock --extra dev setup.cfg -
	printf '%s\n' 'ansible-core >= 2.19, < 2.20' kubernetes-validate pex | $(uv_compile) --output-file deploy/requirements.lock \
		--constraint requirements-dev.lock -
	echo matplotlib | $(uv_compile) --output-file benchmarks/requirements.lock --constraint requirements-dev.lock -

wheels = sh deploy/wheels.sh fetch $(bin)/python .cache/wheels-$(MACHINE) $(MACHINE)

deb: $(venv)/.runtime ## build dist/latency-exporter_VERSION_ARCHITECTURE.deb for Debian 12 (docs/install.md); MACHINE=aarch64
	@$(wheels) && sh deploy/debian/build.sh $(bin)/python .cache/wheels-$(MACHINE) dist

pex: $(venv)/.deploy ## build dist/latency-exporter.pex, one file for any Linux with Python 3.11 (docs/install.md)
	@$(wheels) && sh deploy/pex.sh $(bin) .cache/wheels-$(MACHINE) dist

packages-test: dev $(venv)/.deploy ## install the packages on a Debian 12 made new, with systemd; root
	@sh tests/packages.sh "machines to install packages on" mmdebstrap:mmdebstrap iproute2:ip
	$(bin)/python -m pytest tests/deploy -m packages -o faulthandler_timeout=900 $(PYTEST_ARGS)

image: ## build the image latency-exporter:latest with docker, or buildah where there is none
	@if docker info >/dev/null 2>&1; then docker build --tag latency-exporter .; \
	else buildah bud --format docker --layers=false --tag latency-exporter .; fi

image-test: dev ## build the image and run both variants of deploy/compose.yml (docker, or buildah and podman)
	@docker info >/dev/null 2>&1 || sh tests/packages.sh "the image test without a Docker engine" \
		buildah:buildah podman:podman runc:runc mmdebstrap:mmdebstrap
	$(bin)/python -m pytest tests/image -m image -o faulthandler_timeout=1500 $(PYTEST_ARGS)

clean: ## remove everything that make has made
	rm -rf .venv .cache build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
