"""A network behind Flask and `model.predict`, as in tutorials.

    python flask_handler.py MODEL PORT

Responds like `POST /v1/segment?as=labels`: a PNG with the label of each pixel.
"""

import io
import sys

import keras
import numpy as np
from flask import Flask, request, send_file
from PIL import Image

app = Flask(__name__)
model = keras.models.load_model(sys.argv[1], compile=False)
height, width = model.input_shape[1:3]


@app.get("/healthz")
def health():
    return "ok"


@app.post("/v1/segment")
def segment():
    image = Image.open(request.stream).convert("RGB")
    pixels = np.array(image.resize((width, height)), np.float32)[None]
    labels = model.predict(pixels, verbose=0)[0].argmax(-1).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(labels).resize(image.size, Image.Resampling.NEAREST).save(target, "PNG")
    target.seek(0)
    return send_file(target, mimetype="image/png")


if __name__ == "__main__":
    app.run(port=int(sys.argv[2]))
