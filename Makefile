.PHONY: check test slow smoke faults bench matrix docs
RUN = python run.py

check:  ## style and types
	ruff check .
	ruff format --check .
	mypy

test:  ## every test but the slow ones
	pytest -n 2 --dist loadfile

slow:  ## the slow ones: parity steps, resumed runs, sweeps, faults, benchmarks at their smallest
	pytest -n 2 --dist loadfile -m slow --durations=15

faults:  ## the long form of the fault tests: twenty kills, forty runs on random settings, 2,000 hostile files, four processes, Ray
	pytest tests/faults tests/training/test_processes.py tests/runs/launchers -m slow --long

smoke:  ## the main job in its shortest form; with RUN=ddag by an installed package, from anywhere
	$(RUN) tag=smoke train.epochs=1 train.steps=3 \
		dataset.generate.identities=40 dataset.generate.images=3 data.test_batch=20

bench:  ## the benchmarks that take half an hour; writes docs/benchmarks.md
	python -m benchmarks

matrix:  ## doctor, smoke tests and smoke on each version of MindSpore; writes docs/matrix.md
	python docs/make_matrix.py

docs:  ## the site in build/site; a broken link is an error
	mkdocs build --strict --quiet
