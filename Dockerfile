# One image for every process; docker-compose.yml says which one a container is.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY pyproject.toml ./
COPY crisis crisis
COPY workers workers
COPY templates templates
COPY --chmod=755 deploy/with-secrets.sh with-secrets
# Installed in place: the templates are found beside the package.
RUN pip install -e . && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin crisis \
    && install -d -o crisis -m 700 /app/var /app/var/journal /app/var/media

# Yours, if not mounted over at run time.
COPY playbooks playbooks

USER crisis
ENV CRISIS_SETTINGS=/etc/crisis/crisis.toml
EXPOSE 8080

ENTRYPOINT ["/app/with-secrets"]
CMD ["crisis", "console"]
