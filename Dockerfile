# The hub as a wheel, with its locked and hashed dependencies, run by a user that owns nothing but its data.
#
#   docker build -t hub .
#   docker run -p 8080:8080 -v hub-data:/data -v hub-secrets:/secrets --name hub hub
#   docker exec hub cat /secrets/token                  the API token, made at the first start

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY requirements.txt requirements-build.txt ./
RUN python -m venv /opt/hub \
    && /opt/hub/bin/pip install --require-hashes --no-deps -r requirements.txt \
    && pip install --require-hashes --no-deps -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY hub hub
COPY migrations migrations
COPY config config
RUN pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
    && /opt/hub/bin/pip install --no-deps --no-index /wheels/hub-*.whl

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin hub \
    && install --directory --owner=hub --group=hub --mode=0700 /data \
    && install --directory --owner=hub --group=hub --mode=0755 /secrets
COPY --from=build /opt/hub /opt/hub
WORKDIR /app
# Handlers are modules on PYTHONPATH, and these are the ones that the configuration below names. Mount your own over them.
COPY examples examples
COPY docker/configuration.json config/configuration.json
# Before the hub's own program: what `docker exec` runs has the same secrets as what the container was started with.
COPY --chmod=0755 docker/entrypoint.sh /opt/entry/hub
ENV PATH=/opt/entry:/opt/hub/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 HUB_CONFIG=/app/config/configuration.json
USER hub
VOLUME ["/data", "/secrets"]
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + (os.environ.get('PORT') or '8080') + '/health', timeout=4)"]
ENTRYPOINT ["hub"]
CMD ["run"]
