.PHONY: check test smoke faults bench
RUN = python run.py

check:  ## style and types
	ruff check .
	ruff format --check .
	mypy

test:  ## every test
	pytest -n 2 --dist loadfile

faults:  ## the long form of the fault tests: twenty kills, forty whole runs on random settings
	pytest tests/faults --long

smoke:  ## the main job in its shortest form; with RUN=ddag by an installed package, from anywhere
	$(RUN) tag=smoke train.epochs=1 train.steps=3 train.eval_start=false \
		dataset.generate.identities=40 dataset.generate.images=3 data.test_batch=20

bench:  ## the benchmarks that take half an hour; writes docs/benchmarks.md
	python -m benchmarks
