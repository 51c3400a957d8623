# What a developer runs. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help demo test e2e soak bench lint release tools clean

help: ## List the targets
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

demo: ## Render, check, draw, test and run a pipeline on a sample catalog
	@tests/demo

test: ## Install what the tests need, and run every test
	@tests/require
	cargo test --workspace --quiet

e2e: ## Build the step images, and run catalog and pipelines on a real cluster
	@tests/require
	@tests/e2e/run

soak: ## The tests that kill at random moments, ten times as often
	@tests/require
	STEPWRIGHT_SOAK=1 cargo test -p tests -p copy-image --quiet

bench: ## Measure, beside the tools we replace, and write docs/benchmarks.md
	tests/bench/run

lint: ## Format, clippy, dependency policy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo clippy -p e2e --test e2e --test outage --test parity --quiet -- -D warnings
	tests/policy

release: ## The binaries as they are shipped: small, stripped
	cargo build --release

clean: ## Remove what was built
	cargo clean
	rm -rf demo
