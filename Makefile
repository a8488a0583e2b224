.PHONY: check test smoke

check:  ## style and types
	ruff check .
	ruff format --check .
	mypy

test:  ## every test
	pytest

smoke:  ## the main job in its shortest form
	python run.py tag=smoke train.epochs=1 train.steps=3 train.eval_start=false \
		dataset.generate.identities=40 dataset.generate.pictures=3 data.test_batch=20
