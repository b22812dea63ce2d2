# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# make demo: the main job on a tenant of its own. make test: everything that must hold. Both set up what they need in .venv and .work.

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
TREE := $(CURDIR)/.work/tree
COLLECTION := $(TREE)/ansible_collections/m365/licensing
GATE := $(PYTHON) .ci/gate.py
export ANSIBLE_COLLECTIONS_PATH := $(TREE)
export PATH := $(BIN):$(PATH)

.PHONY: demo test build lint sanity integration importer environment docs unit plays chaos truth mutants matrix bench tree clean release

demo: .venv/demo tree
	@$(BIN)/python $(COLLECTION)/demo/run.py

test: .venv/test
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint sanity integration importer environment docs
	@$(MAKE) --no-print-directory chaos truth RUNS=50 LISTS=30 FILES=60 ANSWERS=300 LIVES=0 TRUTHS=100
	@$(MAKE) --no-print-directory plays
	@$(MAKE) --no-print-directory unit

TEXTS := docs README.md CONTRIBUTING.md SECURITY.md plugins roles playbooks extensions changelogs demo .github
lint: .venv/test tree
	ruff format --check .
	ruff check .
	ruff check --quiet --preview --select E203 plugins
	yamllint --strict .
	reuse lint --quiet || reuse lint
	codespell --ignore-words-list fo,ned $(TEXTS)
	antsibull-changelog lint
	$(GATE) changelog
	cd $(TREE) && mypy --config-file $(CURDIR)/mypy.ini -p ansible_collections.m365.licensing.plugins
	cd $(COLLECTION)/roles/sandbox_tenant/files && mypy --config-file $(CURDIR)/mypy.ini -p sandbox_tenant
	cd $(COLLECTION) && ansible-lint
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all --disallow-unknown-collection-refs $(COLLECTION)

sanity: .venv/test
	$(GATE) ansible-test .venv sanity --venv --color no

integration: .venv/test
	$(GATE) ansible-test .venv integration --venv --color no --python default

build: .venv/demo
	$(GATE) build

importer: .venv/test
	$(GATE) importer

release: .venv/test
	$(BIN)/python .ci/release.py $(VERSION)

DOCS := $(CURDIR)/.work/docs
docs: .venv/test tree
	rm -rf $(DOCS)
	mkdir -p $(DOCS)/rst/collections
	chmod go-w $(DOCS)/rst/collections
	cp -r docs/docsite/sphinx/* docs/images $(DOCS)/rst
	antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --dest-dir $(DOCS)/rst/collections m365.licensing
	sphinx-build -W --keep-going -q -b html $(DOCS)/rst $(DOCS)/html
	$(BIN)/python .ci/search.py $(DOCS)/html
	@echo "The documentation is at $(DOCS)/html/index.html"

environment: .venv/test
	$(GATE) environment

.work/browser: | .venv/test
	@$(GATE) browser
	@touch $@

PURE := $(addprefix tests/unit/,desired plan tables show engine)
unit: .venv/test .work/awx .work/browser tree
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python -m pytest -q -n 2 --cov --cov-config=tests/coverage.ini $(PURE)
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python -m pytest -n 2 -m "not plays" $(PURE:%=--ignore=%) tests/unit

plays: .venv/test .work/awx .work/browser tree
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python -m pytest -n 2 -m plays tests/unit

RUNS ?= 2000
LISTS ?= 1000
FILES ?= 1000
ANSWERS ?= 5000
LIVES ?= 100
chaos: .venv/test tree
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/chaos/chaos.py --runs $(RUNS)
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/chaos/bulk.py --runs $(LISTS)
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/chaos/files.py --runs $(FILES)
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/chaos/answers.py --runs $(ANSWERS)
	$(if $(filter 0,$(LIVES)),,cd $(COLLECTION) && LIVES=$(LIVES) PYTHONPATH=$(TREE) $(BIN)/python -m pytest -q tests/unit/modules/test_lives.py)

TRUTHS ?= 1000
truth: .venv/test tree
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/chaos/truth.py --runs $(TRUTHS)

MUTANTS ?= 400
mutants: .venv/test tree
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/chaos/mutants.py --count $(MUTANTS)

# CORES: some of the ansible-core versions, all of them if unset
matrix: .venv/test .work/awx
	$(GATE) matrix $(CORES)

bench: .venv/test tree
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/bench/task_time.py
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/bench/sandbox_speed.py
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/bench/memory.py --write
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/bench/flows.py
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/bench/quota.py
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/bench/inventory.py
	cd $(COLLECTION) && PYTHONPATH=$(TREE) $(BIN)/python tests/bench/bulk.py --svg $(CURDIR)/docs/images/bulk.svg

.work/awx: | .venv/test
	@$(BIN)/python .ci/gate.py awx $@

tree:
	@$(GATE) tree $(TREE)

.venv/%: tests/requirements.txt tests/requirements-demo.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "This needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv, which takes a minute the first time ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --requirement tests/requirements$(if $(filter demo,$*),-demo).txt
	@touch $@

clean:
	rm -rf .venv .work
