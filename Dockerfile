# On a CPU: docker build -t ddag . && docker run --rm -v "$PWD/outputs:/work/outputs" ddag
FROM python:3.11-slim
# MindSpore is linked against OpenMP's library, which the slim image lacks.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml setup.py README.md LICENSE ./
COPY ddag ddag
COPY conf conf
RUN pip install --no-cache-dir ".[cpu]"
WORKDIR /work
ENTRYPOINT ["ddag"]
