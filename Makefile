# Two commands do everything: make demo, make test. `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Where the reaper image of testcontainers can't be had, set
# TESTCONTAINERS_RYUK_DISABLED=true; the tests remove their containers themselves.
TESTFLAGS ?= -race -timeout=15m
FUZZTIME ?= 10s
ARGS ?=

.PHONY: help demo test test-unit test-bridge test-sql test-integration lint generate names bench churn fuzz cover

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

demo: ## publish, consume, crash, resume and count, on an embedded broker (ARGS="--brokers host:port" for a real one)
	go run ./cmd/kreflex demo $(ARGS)

test: test-unit test-bridge test-sql test-integration ## all tests; those on real Kafka or a database skip loudly where there is none

test-unit: ## tests of the library, on the embedded broker
	go test $(TESTFLAGS) ./...

test-bridge: ## tests of the bridge to luno/reflex; those with MySQL need mariadb-server, and MYSQL_REQUIRED=1 makes a skip a failure
	cd bridge/lunoreflex && go test $(TESTFLAGS) ./...

test-sql: ## tests of cursors in databases; they need postgresql and mariadb-server, and SQL_REQUIRED=1 makes a skip a failure
	cd sqlcursor/sqltest && go test $(TESTFLAGS) ./...

test-integration: ## tests on real Apache Kafka; KAFKA_REQUIRED=1 makes a skip a failure
	cd integration && go test $(TESTFLAGS) ./...

lint: bin/golangci-lint ## static checks of all modules
	bin/golangci-lint run ./...
	cd bridge/lunoreflex && ../../bin/golangci-lint run --config ../../.golangci.yaml ./...
	cd sqlcursor/sqltest && ../../bin/golangci-lint run --config ../../.golangci.yaml ./...
	cd integration && ../bin/golangci-lint run --config ../.golangci.yaml ./...

bin/golangci-lint: tools/go.mod
	cd tools && go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# Protobuf's compiler, protoc, must be installed.
generate: bin/protoc-gen-go ## write the Go code of the protobuf messages anew
	protoc --plugin=bin/protoc-gen-go -I kreflex/reflexpb=reflex/reflexpb \
	  --go_out=. --go_opt=module=github.com/kreflex/kreflex kreflex/reflexpb/reflex.proto

bin/protoc-gen-go: tools/go.mod
	cd tools && go build -o ../bin/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go

names: ## MIGRATION.md's table of every name of luno/reflex, from the code and integration/everyname/testdata
	cd integration && go test ./everyname -run TestEveryName -update

bench: ## kreflex beside a bare client, in one run: embedded broker, then Kafka (KAFKA_BROKERS, else a container)
	cd integration && go run ./bench $(ARGS)

churn: ## members of a group join, leave, are killed and frozen on three brokers, for CHURN_TIME under each protocol
	cd integration && KAFKA_REQUIRED=1 CHURN_TIME=$${CHURN_TIME:-5m} go test -v -timeout=60m -run TestAGroup ./churn

fuzz: ## each fuzzer for FUZZTIME
	@go list ./... | while read -r pkg; do \
	  for name in $$(go test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$name"; go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) "$$pkg"; \
	  done; \
	done

cover: ## coverage of the library by its own tests
	go test -coverprofile=cover.out ./... && go tool cover -func=cover.out | tail -1
