# docker build -t streife:0.1.0 .                                the roles on the processor
# docker build -t streife-cuda:0.1.0 --build-arg FLAVOUR=cuda .  score on an NVIDIA card
# Three stages: build, gather what a role needs, and a small image with nothing else in it. The contents of the last stage
# can be made and checked without Docker: deploy/image-contents.sh. Everything is pinned: Rust by rust-toolchain.toml, crates by
# Cargo.lock, native parts by config/parts.toml.

FROM rust:1.95-bookworm AS build
ARG FLAVOUR=cpu
# Versions follow the pinned base image; Debian keeps only the newest of each, so pins here would break the next build.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake zlib1g-dev libssl-dev libcurl4-openssl-dev python3-pip npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    sh deploy/image-contents.sh /out "$FLAVOUR"

FROM debian:bookworm-slim AS cpu
FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS cuda

ARG FLAVOUR=cpu
FROM ${FLAVOUR} AS image
RUN groupadd --gid 10001 streife && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin streife \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/streife
COPY --from=build /out/ /
ENV STREIFE_HOME=/opt/streife STREIFE_PARTS=/opt/streife/parts STREIFE_LOG_FORMAT=json PATH=/opt/streife/bin:/usr/bin:/bin
WORKDIR /opt/streife
USER 10001:10001
VOLUME ["/var/lib/streife"]
EXPOSE 8420 9464
HEALTHCHECK --interval=10s --timeout=3s --retries=6 --start-period=60s CMD ["streife", "site", "health", "--address", "127.0.0.1:9464"]
ENTRYPOINT ["/opt/streife/bin/streife"]
CMD ["--help"]
LABEL org.opencontainers.image.title="Streife" org.opencontainers.image.licenses="EUPL-1.2" org.opencontainers.image.version="0.1.0"
