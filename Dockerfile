# The API of petseg in a container: without TensorFlow, not as root, and read-only.
#   docker build --tag petseg . && docker run --read-only --publish 127.0.0.1:7860:7860 petseg
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE requirements.txt requirements-extras.txt ./
COPY petseg ./petseg
COPY pretrained ./pretrained
RUN python -m venv /opt/petseg && \
    /opt/petseg/bin/pip install --no-cache-dir --constraint requirements.txt --constraint requirements-extras.txt '.[service]'

FROM python:3.13-slim
COPY --from=build /opt/petseg /opt/petseg
ENV PATH="/opt/petseg/bin:$PATH" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=2)"]
ENTRYPOINT ["petseg", "serve", "--host", "0.0.0.0", "--no-page"]
