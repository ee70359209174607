# The front door. Each target sets up what it needs; node, npm and make are enough (a real Kafka also needs java and mvn).
.DEFAULT_GOAL := help
.PHONY: help setup build check test test-fast test-memory test-slow one cases fuzz faults mutate demo demo-shop dev bench clean

modules := node_modules/.package-lock.json
built := dist/.built
# tests of which make test runs a share
shared := test/demo/shop test/state test/decode test/names test/types test/pipeline/clocks test/pipeline/duplicates test/pipeline/random \
  test/serving/changes test/serving/http test/serving/openapi test/serving/read-model test/serving/sandbox
sources := $(shell find batch speed ingest sources serving deliveries shared cli demo bench -name '*.ts' -not -path '*/node_modules/*' 2>/dev/null)

help:        ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(modules) $(built)  ## install packages and build, where they are out of date

build: $(built)  ## compile to dist/

check: $(built)  ## types, format and lint, unused code
	npx tsc --noEmit
	npx biome ci .
	npx knip

test: $(built)  ## both test lanes; the last line sums up
	@npx vitest run

test-fast: $(modules)  ## tests that need no process of their own
	@npx vitest run --project fast --project clocks

test-memory: $(modules)  ## pipeline and serving on the store that is no folder
	@STORE=memory npx vitest run --project fast --project clocks test/pipeline test/serving test/state test/names test/store

test-slow: $(built)  ## tests with real processes and a real broker
	@npx vitest run --project "slow*"

one: $(built)  ## one test by name: make one CASE='refuses unknown keys'
	@test -n "$$CASE" || { echo "error: name a test: make one CASE='...'" >&2; exit 2; }
	@npx vitest run --testNamePattern "$$CASE"

cases: $(modules)  ## every case of the views, cut at every event
	@FULL=1 npx vitest run --project fast test/views

fuzz: $(modules)  ## random views against plain DuckDB: make fuzz N=50000 SEED=2
	@N="$(N)" SEED="$(SEED)" VERBOSE="$(VERBOSE)" node --import jiti/register test/fuzz/main.ts

mutate: $(modules)  ## put faults into copies of the sources: the tests must notice each (ONLY='part of a name')
	@ONLY="$(ONLY)" node --import jiti/register test/mutation/main.ts

faults: $(built)  ## every fault in full: simulation, kills, zombies, poison … (ONLY=name, N=, SEED=)
	@ONLY="$(ONLY)" N="$(N)" SEED="$(SEED)" node --import jiti/register test/faults/main.ts
	@test -n "$(ONLY)" || FULL=1 npx vitest run $(shared)

demo: $(built)  ## the whole story in one minute; LOG=kafka runs it on a real broker
	node dist/demo/main.js $(if $(LOG),--log $(LOG))

demo-shop: $(built)  ## a shop's PostgreSQL, followed into views and a search index; LOG=kafka, too
	node dist/demo/shop/main.js $(if $(LOG),--log $(LOG))

dev: $(built)  ## every role in one process, over demo/flights, until stopped
	node dist/cli/main.js dev --project demo/flights

bench: $(built)  ## measure throughput and latency (ONLY='sources http')
	node dist/bench/main.js $(ONLY)

clean:       ## remove what was built and fetched, but for node_modules
	rm -rf dist .cache coverage demo/flights/.tidemark

$(modules): package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

$(built): $(modules) $(sources) tsconfig.json tsconfig.build.json
	npm run --silent build
	@touch $@
