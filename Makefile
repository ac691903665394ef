# What people run: make demo, make test, make lint. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup dev app serve models trial-models samples films demo check test test-real test-slow test-damaged test-browser chromium test-wheel test-transformers test-vllm test-doors test-fuzz fuzz test-ray lint format bench scenedetect bench-digest bench-recall reference lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(BIN)/.setup ## make .venv with longtake in it

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Longtake needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(BIN)/.setup: $(BIN)/python requirements/default.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/default.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

app: $(BIN)/.app models ## serve the page: paste a link, get the summary
	$(BIN)/longtake app

$(BIN)/.app: $(BIN)/.setup requirements/app.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/app.txt
	@touch $@

serve: $(BIN)/.serve models ## serve programs by HTTP
	$(BIN)/longtake serve

$(BIN)/.serve: $(BIN)/.setup requirements/serve.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/serve.txt
	@touch $@

dev: $(BIN)/.dev

$(BIN)/.dev: $(BIN)/.app $(BIN)/.serve requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	@touch $@

models: setup ## fetch the small models into the cache
	$(BIN)/longtake models pull all-minilm-l6-v2
	$(BIN)/longtake models pull tiny.en

trial-models: models ## and the one that the tests and benchmarks of `gguf` run
	$(BIN)/longtake models pull smollm2-135m-instruct

samples: setup ## fetch the sample videos that are not in the repository
	$(BIN)/python examples/fetch.py

films: setup ## fetch the films on which the detectors are tested
	$(BIN)/python examples/fetch.py --films

demo: samples models ## summarise the sample videos
	$(BIN)/longtake summarize examples/bikes.mp4 --out longtake-out/bikes
	@echo
	$(BIN)/longtake summarize examples/lecture.mp4 --out longtake-out/lecture

check: lint test ## what CI runs first: style, types, layers and the quick tests

test: dev ## the quick tests, on all cores
	$(BIN)/python -m pytest -n auto --dist loadfile

test-real: dev trial-models samples films ## the tests that run real models
	$(BIN)/python -m pytest -m real

test-slow: dev ## links and runs before real servers and processes, the tests that take seconds
	$(BIN)/python -m pytest -m slow

test-damaged: dev ## thousands of damaged films, each by its seed (LONGTAKE_DAMAGED=500 of a kind)
	$(BIN)/python -m pytest -n auto -m damaged tests/video/test_damaged.py

test-browser: dev chromium models samples films ## the page in a real browser; screenshots in .cache/screenshots
	LONGTAKE_SHOTS=$(CURDIR)/.cache/screenshots $(BIN)/python -m pytest -m browser

chromium: ## the browser of those tests, by Debian's packages where it is missing
	@command -v chromium >/dev/null || { sudo=$$(command -v sudo || true); $$sudo apt-get update -qq && $$sudo apt-get install -qq --no-install-recommends chromium fonts-dejavu-core; }

test-wheel: dev ## the wheel, installed into a fresh environment (1 GB)
	$(BIN)/python -m pytest -m wheel

test-transformers: .cache/transformers/.setup ## the tests that run tiny models by PyTorch (2 GB)
	HF_HUB_OFFLINE=1 .cache/transformers/bin/python -m pytest -m transformers tests/actions tests/engines

# PyTorch by plain pip: which build is the right one, and what it needs, differs from machine to machine.
.cache/transformers/.setup: $(BIN)/python requirements/default.txt requirements/dev.txt requirements/transformers.txt
	$(BIN)/python -m venv --clear .cache/transformers
	.cache/transformers/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	.cache/transformers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/default.txt --requirement requirements/dev.txt --requirement requirements/transformers.txt
	.cache/transformers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

test-vllm: dev .cache/vllm/.setup ## the server engine before a real vLLM, on the CPU (3 GB)
	$(BIN)/python -m pytest -m vllm

.cache/vllm/.setup: $(BIN)/python requirements/vllm.txt
	$(BIN)/python -m venv --clear .cache/vllm
	.cache/vllm/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	.cache/vllm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/vllm.txt
	@touch $@

test-fuzz: dev ## mutated films, texts, tables, settings, replies and stores for a minute
	$(BIN)/python -m pytest -m fuzz tests/fuzz

fuzz: dev ## the same for ten minutes, with other seeds each time
	$(BIN)/python -m tests.fuzz --minutes 10 --seed $$(date +%s)

test-doors: dev .cache/schemathesis/.setup .cache/mcp/.setup ## HTTP and MCP held to their own documents (400 MB, needs npm)
	$(BIN)/python -m pytest -m "api or mcp" tests/api tests/mcp

.cache/schemathesis/.setup: $(BIN)/python requirements/schemathesis.txt
	$(BIN)/python -m venv --clear .cache/schemathesis
	.cache/schemathesis/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/schemathesis.txt
	@touch $@

# The protocol's own tests want a newer Node than many systems have: it comes as a package, too.
.cache/mcp/.setup:
	@command -v npm >/dev/null || { sudo=$$(command -v sudo || true); $$sudo apt-get update -qq && $$sudo apt-get install -qq --no-install-recommends npm; }
	npm install --silent --no-audit --no-fund --prefix .cache/mcp node@22.23.3 @modelcontextprotocol/conformance@0.2.0-alpha.12 @modelcontextprotocol/inspector@2.12.0
	@touch $@

test-ray: .cache/ray/.setup ## batches on a Ray cluster of several nodes, and on S3 (1 GB)
	.cache/ray/bin/python -m pytest -m ray tests/batch

.cache/ray/.setup: $(BIN)/python requirements/default.txt requirements/dev.txt requirements/ray.txt
	$(BIN)/python -m venv --clear .cache/ray
	.cache/ray/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/default.txt --requirement requirements/dev.txt --requirement requirements/ray.txt
	.cache/ray/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lint: dev ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: dev ## put the code into its style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: dev trial-models samples scenedetect bench-digest bench-recall ## the figures of the docs: memory, speech, text, throughput, scan
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python -m benchmarks.speech
	$(BIN)/python -m benchmarks.reading
	$(BIN)/python -m benchmarks.digest
	$(BIN)/python -m benchmarks.context
	$(BIN)/python -m benchmarks.judge
	$(BIN)/python -m benchmarks.runs
	$(BIN)/python -m benchmarks.links
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.servers
	$(BIN)/python -m benchmarks.scan
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.recall
	$(BIN)/python -m benchmarks.recall_films
	$(BIN)/python -m benchmarks.ask
	$(BIN)/python -m benchmarks.look
	$(BIN)/python -m benchmarks.index_share
	$(BIN)/python -m benchmarks.batch
	$(BIN)/python -m benchmarks.api
	$(BIN)/python -m benchmarks.soak

scenedetect: .cache/scenedetect/.setup
bench-digest: .cache/bench-digest/.setup
bench-recall: .cache/bench-recall/.setup

.cache/bench-digest/.setup: $(BIN)/.setup requirements/bench-digest.txt
	$(BIN)/python -m venv --clear .cache/bench-digest
	.cache/bench-digest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/bench-digest.txt
	@touch $@

.cache/bench-recall/.setup: $(BIN)/.setup requirements/bench-recall.txt
	$(BIN)/python -m venv --clear .cache/bench-recall
	.cache/bench-recall/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/bench-recall.txt
	@touch $@

.cache/scenedetect/.setup: $(BIN)/.setup requirements/bench.txt
	$(BIN)/python -m venv --clear .cache/scenedetect
	.cache/scenedetect/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/bench.txt
	@touch $@

reference: dev ## docs/reference.md from the code
	$(BIN)/python -m scripts.write_reference

lock: ## resolve the requirement files anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade pyproject.toml requirements/build.in -o requirements/default.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --extra app pyproject.toml -c requirements/default.txt -o requirements/app.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --extra serve --extra mcp pyproject.toml -c requirements/default.txt -c requirements/app.txt -o requirements/serve.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --group dev -c requirements/default.txt -c requirements/app.txt -o requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade requirements/bench.in -c requirements/default.txt --no-emit-package opencv-python -o requirements/bench.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade requirements/bench-digest.in -c requirements/default.txt -o requirements/bench-digest.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade requirements/bench-recall.in -c requirements/default.txt -o requirements/bench-recall.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade requirements/transformers.in -c requirements/default.txt -o requirements/transformers.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade requirements/vllm.in --override requirements/vllm.override -o requirements/vllm.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade requirements/schemathesis.in -o requirements/schemathesis.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade requirements/ray.in -c requirements/default.txt -o requirements/ray.txt

clean: ## remove what make has made here
	rm -rf $(VENV) .cache longtake-out
