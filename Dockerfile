# PICA companion. A GPU build by default; for a CPU build, which is far smaller:
#   docker build --build-arg TORCH=cpu .
# Add BASE=python:3.11-slim-bookworm@sha256:... to pin the very image that was tried.
ARG BASE=python:3.11-slim-bookworm
FROM $BASE AS build

ARG TORCH=cuda
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/pica
WORKDIR /src
# The lock first: a change of code does not fetch the dependencies again.
COPY requirements.lock requirements-cpu.lock requirements-cuda.lock ./
RUN /opt/pica/bin/pip install --no-deps --require-hashes -r requirements.lock \
    && /opt/pica/bin/pip install --no-deps --require-hashes -r "requirements-$TORCH.lock" \
        $([ "$TORCH" = cpu ] && echo --extra-index-url https://download.pytorch.org/whl/cpu)
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY bot ./bot
COPY console ./console
COPY inference ./inference
COPY review ./review
COPY safety ./safety
COPY sandbox ./sandbox
COPY storage ./storage
COPY training ./training
RUN /opt/pica/bin/pip install --no-deps --no-build-isolation .

FROM $BASE

# /data holds SQLite where no other database is named, /models what the hub sends, /backups
# what `pica backup` writes where PICA_BACKUP_DIR=/backups. Secrets come from the environment
# of the container: PICA_TELEGRAM_TOKEN and PICA_SECRET_KEY.
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin pica \
    && install -d -m 700 -o pica -g pica /data /models /backups
COPY --from=build /opt/pica /opt/pica
ENV PATH=/opt/pica/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    HF_HOME=/models \
    PICA_DATA_DIR=/data \
    PICA_HTTP_HOST=0.0.0.0 \
    PICA_HTTP_PORT=8080
USER pica
WORKDIR /data
VOLUME ["/data", "/models"]
EXPOSE 8080

# The service answers once the model is loaded; the first start downloads it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30m --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + (os.environ.get('PICA_HTTP_PORT') or '8080') + '/healthz', timeout=4)"]

ENTRYPOINT ["pica"]
CMD ["serve"]
