# syntax=docker/dockerfile:1.7
# Targets: cpu (api, beat, Flower, workers) and gpu (workers on NVIDIA GPUs).
#
#   docker build --target cpu --tag reelsight:cpu .
#   docker build --target gpu --tag reelsight:gpu .
#
# Models are not in the image: they are larger than it and under licences of their own, change at another pace, and one volume
# serves all containers of a host. `reelsight models pull` fills it (the service `models` of compose.yaml).

# The Python that requirements.lock was made on; a patch release so that builds repeat.
ARG PYTHON=3.11.13-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
RUN python -m venv /opt/reelsight
ENV PATH=/opt/reelsight/bin:${PATH}
# The dependencies first, over packages that are empty still: as long as these two files stay, this layer does.
COPY pyproject.toml requirements.lock README.md LICENSE ./
RUN mkdir api workers pipeline \
 && touch api/__init__.py workers/__init__.py pipeline/__init__.py \
 && pip install --constraint requirements.lock ".[postgres,tracing]" \
 && pip uninstall --yes reelsight
COPY api api
COPY workers workers
COPY pipeline pipeline
# What the empty packages left would be taken for newer than the real ones.
RUN rm -rf build ./*.egg-info && pip install --no-deps . && python -m compileall -q /opt/reelsight/lib

FROM build AS build-gpu
# In place of the CPU package, the same release; with the CUDA and cuDNN libraries that it was built with.
RUN release="$(sed -n 's/^onnxruntime==//p' requirements.lock)" \
 && pip uninstall --yes onnxruntime \
 && pip install --constraint requirements.lock "onnxruntime-gpu[cuda,cudnn]==${release}" \
 && python -m compileall -q /opt/reelsight/lib

FROM python:${PYTHON} AS runtime
ENV PATH=/opt/reelsight/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REELSIGHT_DATA_DIR=/var/lib/reelsight \
    REELSIGHT_MODELS_DIR=/models
# Volumes take the owner of the folders they are mounted over.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/reelsight --shell /usr/sbin/nologin reelsight \
 && install --directory --owner=reelsight --group=reelsight --mode=0700 /var/lib/reelsight \
 && install --directory --owner=reelsight --group=reelsight --mode=0755 /models
WORKDIR /var/lib/reelsight
EXPOSE 8080 8443 5555
STOPSIGNAL SIGTERM
# Run it with an init process (`docker run --init`; compose.yaml says `init: true`), which buries children of workers.
CMD ["reelsight", "api", "--host", "0.0.0.0"]
# Of the api; compose.yaml has another one for every other service.
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/ready', timeout=8)"]

FROM runtime AS gpu
COPY --from=build-gpu /opt/reelsight /opt/reelsight
ENV REELSIGHT_DEVICE=cuda \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
USER 10001:10001

# The last target is what `docker build .` makes.
FROM runtime AS cpu
COPY --from=build /opt/reelsight /opt/reelsight
USER 10001:10001
