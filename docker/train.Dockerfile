# All commands with CUDA, such as `sapnet run` and `sapnet train` on a GPU:
#
#   docker build --file docker/train.Dockerfile --tag sapnet-train .
FROM python:3.11-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY sapnet sapnet
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM pytorch/pytorch:2.4.1-cuda12.4-cudnn9-runtime
COPY --from=wheel /wheels /wheels
# The torch and torchvision of the image fit its CUDA, and stay.
RUN pip install --no-cache-dir "$(ls /wheels/sapnet-*.whl)" \
    && (id -u 1000 > /dev/null 2>&1 || useradd --create-home --uid 1000 sapnet)
USER 1000
ENV HOME=/tmp
WORKDIR /data
ENTRYPOINT ["sapnet"]
CMD ["--help"]
