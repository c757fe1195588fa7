# Every Python service:
#   docker build -f deploy/docker/service.Dockerfile --build-arg SERVICE=proxy -t llmflow/proxy:0.1.0 .
ARG PYTHON_VERSION=3.11.14

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
ARG UV_VERSION=0.13.8
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==${UV_VERSION}
WORKDIR /src
COPY pyproject.toml requirements.lock ./
COPY deploy/docker/install-service ./
COPY libs ./libs
COPY services ./services
ARG SERVICE
RUN --mount=type=cache,target=/root/.cache/uv ./install-service "${SERVICE}" /opt/llmflow

FROM python:${PYTHON_VERSION}-slim-bookworm
# The folder is the service's own state (the proxy's spool); a named volume takes over its owner.
RUN groupadd --gid 10001 llmflow \
    && useradd --uid 10001 --gid llmflow --no-create-home --shell /usr/sbin/nologin llmflow \
    && install --directory --owner=llmflow --group=llmflow /var/lib/llmflow
COPY --from=build /opt/llmflow /opt/llmflow
# Two malloc arenas instead of eight a core: on a small machine they are most of what an idle Python process holds.
ENV PATH=/opt/llmflow/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2
WORKDIR /var/lib/llmflow
USER 10001:10001
CMD ["llmflow-service"]
