# The laptop in a box, for docker-compose.yaml: Airflow at the versions of MWAA 3.3.1, and the embedded AWS with the model
# image's interpreter. Made by the same set-up as on a laptop, from the same hashed locks.
# The exact tag is pinned; pin its digest too (`docker buildx imagetools inspect`) where your registry allows a look-up.
FROM python:3.12.12-slim-bookworm

# libgomp1: scikit-learn and ONNX Runtime compute with it. tini: reaps what Airflow's tasks leave behind.
# The versions of Debian packages come with the pinned base; older ones leave the archive, so pinning them breaks builds.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 50000 windtunnel \
    && install --directory --owner windtunnel /opt/windtunnel /state

USER 50000
WORKDIR /opt/windtunnel

# First what changes rarely: the locks and what installs them.
COPY --chown=windtunnel requirements.lock ./
COPY --chown=windtunnel include/model_image/requirements-dev.lock include/model_image/
COPY --chown=windtunnel include/localaws/requirements.lock include/localaws/
COPY --chown=windtunnel local local
RUN python -m local setup && rm -rf /home/windtunnel/.cache

COPY --chown=windtunnel . .

ARG GIT_COMMIT=unknown
ENV WINDTUNNEL_GIT_COMMIT=$GIT_COMMIT \
    WINDTUNNEL_HOME=/state \
    WINDTUNNEL_WEB_HOST=0.0.0.0

ENTRYPOINT ["tini", "-g", "--", "python", "-m", "local", "run"]
CMD ["airflow", "version"]
