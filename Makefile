.PHONY: all format-check format lint types test docs

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

docs:
	python -m sphinx -E -W --keep-going -q -b html docs build/site
