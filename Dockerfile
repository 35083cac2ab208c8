# One image for bot and worker; `docker compose up` starts both.
FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements/runtime.txt requirements/runtime.txt
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY bot bot
COPY workers workers
COPY demo demo
RUN python -m venv /opt/hatch && /opt/hatch/bin/pip install hatchling \
    && /opt/hatch/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheels . \
    && /opt/venv/bin/pip install --no-deps /build/wheels/*.whl

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin app
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PIPELINE_ACCESS_CONFIG=/etc/pipeline-access/pipeline-access.toml
USER 10001
EXPOSE 3000
# The bot. The worker: `python -m workers.worker`.
CMD ["gunicorn", "--config", "python:bot.gunicorn", "bot.server:create()"]
