# Every target does all of its own set-up; see README.md.
SHELL := /bin/sh
NODE_BIN := $(CURDIR)/tools/node/bin
export PATH := $(NODE_BIN):$(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: demo test validate bench conformance matrix setup binaries clean

setup:
	@sh tools/setup.sh

binaries: setup
	@node tools/build.ts
	@node tools/web.ts

demo: binaries
	@sh tools/demo.sh

test: binaries
	@node tools/test.ts

validate: setup
	@node tools/validate.ts

bench: binaries
	@node tools/bench.ts

conformance: binaries
	@node tools/conformance.ts

matrix: binaries
	@vitest run --config vitest.matrix.config.ts

clean:
	@if [ -x ./tw ] && [ -x tools/node/bin/node ] && [ -d .tradewind ]; then ./tw sandbox down || true; fi
	@rm -rf .tradewind node_modules tools/node dist
