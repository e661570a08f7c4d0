# The click page for a browser on this or another machine, without a GPU:
#
#   docker build --file docker/annotate.Dockerfile --tag sapnet-annotate .
FROM python:3.11-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY sapnet sapnet
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
# torch for CPUs alone is a tenth of the size of the one with CUDA.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/sapnet-*.whl)[ui]" \
    && useradd --create-home --uid 1000 sapnet
USER sapnet
WORKDIR /data
EXPOSE 8000
ENTRYPOINT ["sapnet", "annotate"]
CMD ["photos", "--out", "clicks.json", "--host", "0.0.0.0", "--port", "8000", "--no-browser"]
