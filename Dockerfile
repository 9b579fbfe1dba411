# syntax=docker/dockerfile:1
# docker build -t indexwarden --build-arg VERSION=0.1.0 --build-arg SOURCE=https://… .

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# package-lock.json names this folder: it stands in for a dependency that would compile native code.
COPY test/support/ssh2-absent test/support/ssh2-absent
# No package needs its install script; our own `prepare` has nothing to build yet.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build
# What the daemon needs and nothing else: neither compiler nor the demo's PostgreSQL binaries.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-slim
ARG VERSION=0.1.0
# Where the sources of this very image are; only whoever builds it knows.
ARG SOURCE=
LABEL org.opencontainers.image.title="indexwarden" \
      org.opencontainers.image.description="Watches the health of PostgreSQL indexes and exports it to Prometheus" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}"
ENV NODE_ENV=production
# For some hundred and fifty thousand indexes. The lower the limit, the less V8 lets the heap grow beyond what is used; what is
# freed goes back to the system: docs/performance.md, "How much memory to give".
ENV NODE_OPTIONS="--max-old-space-size=1024 --max-semi-space-size=4"
ENV MALLOC_MMAP_THRESHOLD_=131072
WORKDIR /app
COPY package.json LICENSE README.md CHANGELOG.md SECURITY.md ./
COPY bin bin
COPY queries queries
COPY alerts alerts
COPY dashboards dashboards
COPY docs docs
COPY schema schema
COPY expectations expectations
COPY probes probes
COPY config config
COPY demo demo
COPY deploy deploy
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist

# Numeric, so that Kubernetes can tell that it is not root. Nothing below /app is written: the root file system may be read-only.
USER 65532:65532
EXPOSE 10187
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "/app/deploy/healthcheck.mjs"]
# dist/main.js and not bin/indexwarden: there is nothing to build here.
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
