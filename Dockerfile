# The studio in a container: docker build -t latent-studio . && docker run -p 7860:7860 -v pictures:/data latent-studio
# As it is, torch comes with CUDA, and runs on CPUs, too: docker run --gpus all ... A smaller image for CPUs alone, or another
# version of CUDA: docker build --build-arg TORCH_INDEX=<the address of PyTorch's own index of wheels for it> ...
FROM python:3.12-slim

ARG TORCH_INDEX=""
WORKDIR /studio
COPY requirements.txt requirements-mcp.txt ./
RUN if [ -n "$TORCH_INDEX" ]; then pip install --no-cache-dir --index-url "$TORCH_INDEX" "torch>=2.8,<=2.13.0"; fi \
    && pip install --no-cache-dir -r requirements.txt -r requirements-mcp.txt
COPY . .
RUN useradd --create-home studio && mkdir /data && chown studio /data
USER studio
ENV STUDIO_HOST=0.0.0.0 STUDIO_DATA=/data STUDIO_LOG=json
VOLUME /data
EXPOSE 7860
# Draws a small picture through the queue, and fails where none comes.
HEALTHCHECK --interval=60s --timeout=30s --start-period=120s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/studio/health', timeout=25)"]
CMD ["python", "app.py"]
