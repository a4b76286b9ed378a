"""Silero VAD like OnnxWrapper of silero_vad.utils_vad, but without PyTorch: windows, context and state."""

import io
import wave

import numpy as np
import onnxruntime

RATE, WINDOW, CONTEXT = 16_000, 512, 64


def samples(content):
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32_768


def windows(session, sound):
    sound = np.pad(sound, (0, -len(sound) % WINDOW))
    state, context = np.zeros((2, 1, 128), np.float32), np.zeros(CONTEXT, np.float32)
    for part, window in enumerate(sound.reshape(-1, WINDOW)):
        known = np.concatenate([context, window])
        speech, state = session.run(None, {"input": known[None], "state": state, "sr": np.array(RATE, np.int64)})
        context = known[-CONTEXT:]
        yield {"part": part, "speech": speech}


def run(model, rows):
    session = onnxruntime.InferenceSession(str(model / "model.onnx"))
    return [list(windows(session, samples(row["content"]))) for row in rows]
