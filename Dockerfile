# Two stages: pip, setuptools and the sources stay in the first.
FROM python:3.12-slim-bookworm AS build

# For builds behind a mirror: --build-arg PIP_INDEX_URL=... Unset, and in no layer of the image, otherwise.
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
RUN python3 -m venv --without-pip /opt/latency-exporter
# The packages change rarely and so come before the sources: a layer that is kept between builds.
COPY requirements.lock .
RUN pip --python /opt/latency-exporter/bin/python install --require-hashes --only-binary :all: -r requirements.lock
COPY . .
RUN pip --python /opt/latency-exporter/bin/python install --no-deps --no-build-isolation . \
 && pip --python /opt/latency-exporter/bin/python uninstall --yes setuptools


FROM python:3.12-slim-bookworm

# pip has compiled the packages; the standard library of this base image comes uncompiled, which would cost every start
# and every health check half a second, as nothing is written at run time (the root file system may be read-only).
RUN python3 -m compileall -q -j 0 -x '/(test|tests|idlelib|lib2to3|ensurepip|tkinter|turtledemo|site-packages)/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

COPY --from=build /opt/latency-exporter /opt/latency-exporter

# `docker run` alone shows real numbers: the default, a fleet of one, comes with the program.
# deploy/compose.yml mounts the fleet's own file as /etc/latency-exporter/fleet.yml.
WORKDIR /etc/latency-exporter

ENV PATH=/opt/latency-exporter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# No USER and no setcap. ICMP needs NET_RAW, which Docker gives to root only (it has no ambient capabilities), and a
# file capability keeps the program from starting at all where NET_RAW is dropped. deploy/compose.yml drops everything
# else, and shows the variant that is not root.
EXPOSE 9102
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["latency-exporter", "healthcheck"]
ENTRYPOINT ["latency-exporter"]
