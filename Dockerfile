# One image for every process; docker-compose.yml says which one a container is.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY pyproject.toml ./
COPY crisis crisis
COPY workers workers
COPY templates templates
# Installed in place: the templates are found beside the package.
RUN pip install -e . && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin crisis

# Yours, if not mounted over at run time.
COPY playbooks playbooks

USER crisis
ENV CRISIS_SETTINGS=/etc/crisis/crisis.toml
EXPOSE 8080

# Two secrets are read as environment variables and come as files here, so that `docker inspect` shows neither.
ENTRYPOINT ["/bin/sh", "-c", "for pair in DATABASE_URL:database-url REDIS_URL:redis-url; do file=/run/secrets/${pair#*:}; if [ -r \"$file\" ]; then export \"${pair%%:*}=$(cat \"$file\")\"; fi; done; exec \"$@\"", "--"]
CMD ["crisis", "console"]
