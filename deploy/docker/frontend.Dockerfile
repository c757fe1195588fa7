# The page, and the one address in front of the services:
#   docker build -f deploy/docker/frontend.Dockerfile -t llmflow/frontend:0.1.0 .
FROM node:24.19.0-bookworm-slim AS build
WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY frontend ./
RUN npm run build

FROM nginxinc/nginx-unprivileged:1.28.0-alpine
COPY deploy/docker/nginx.conf /etc/nginx/nginx.conf
COPY deploy/docker/llmflow.conf.template /etc/nginx/templates/
COPY --from=build /src/frontend/dist /usr/share/nginx/html
# The addresses come from the environment when the container starts; /tmp is the one place it writes to.
ENV NGINX_ENVSUBST_OUTPUT_DIR=/tmp \
    NGINX_ENVSUBST_FILTER=^LLMFLOW_ \
    LLMFLOW_QUERY_API=query-api:3000 \
    LLMFLOW_INGEST=ingest:4318 \
    LLMFLOW_TRUSTED_PROXY=127.0.0.1
EXPOSE 3000
