.PHONY: all format-check format lint types test

all: format-check lint types test

format-check:
	ruff format --check .

format:
	ruff format .
	ruff check --fix .

lint:
	ruff check .

types:
	mypy

test:
	python -m pytest
