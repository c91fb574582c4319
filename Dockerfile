# PICA companion. The model and the data live in volumes; secrets come from the environment.
FROM python:3.11-slim
WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir -r requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps . \
 && useradd --create-home pica && mkdir -p /data && chown pica /data
USER pica
ENV PICA_DATA_DIR=/data PICA_HTTP_HOST=0.0.0.0 HF_HOME=/data/models
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=15m \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["pica"]
CMD ["serve"]
