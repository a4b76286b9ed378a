"""Makes the spectrograms of `spectrograms.json` with the libraries that the presets are named after.

Needs Python with numpy, librosa, soundfile, torchaudio and openai-whisper. Run `python make_spectrograms.py` in
this folder. Each case has the keys of the job file, and some values of the library's result.
"""

import json

import librosa
import numpy as np
import soundfile as sf
import torch
import torchaudio
import whisper

RATE = 16_000
# Values of a case in the file. They are spread over its spectrogram.
SOME = 150


def noise(length):
    """Returns white noise that any language can compute: a linear congruential generator of 32 bits."""
    state, samples = 1, []
    for _ in range(length):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        samples.append(state / 2**31 - 1)
    return np.array(samples, dtype=np.float32)


tones, _ = sf.read("f32.wav", dtype="float32")
SOUNDS = {
    "noise": noise(4000),
    # Two tones of 60 dB more than the noise before them, and silence.
    "tones": np.concatenate([noise(1000) * np.float32(0.001), tones, np.zeros(1100, dtype=np.float32)]),
    "short": noise(70),
}


def librosa_mel(y, **keys):
    # Doubles, because librosa's own rounding in float32 is larger than the limit in logarithms.
    return librosa.feature.melspectrogram(y=y.astype(np.float64), **keys)


def torch_mel(y, transform=torchaudio.transforms.MelSpectrogram, **keys):
    return transform(**keys).double()(torch.from_numpy(y).double()).numpy()


def torch_db(y, top_db=None, **keys):
    decibels = torchaudio.transforms.AmplitudeToDB(top_db=top_db)
    return decibels(torch.from_numpy(torch_mel(y, **keys))).numpy()


def whisper_mel(y, n_mels=80):
    return whisper.log_mel_spectrogram(whisper.pad_or_trim(y), n_mels=n_mels).numpy()


def parts(values):
    return np.stack([values.real, values.imag], axis=-1)


def dnsmos(y):
    """Returns the mel spectrogram of DNSMOS P.808, as in its `audio_melspec`."""
    mel = librosa_mel(y, sr=RATE, n_fft=321, hop_length=160, n_mels=120)
    return ((librosa.power_to_db(mel, ref=np.max) + 40) / 40).T


CASES = [
    ("librosa, defaults", "mel", {"preset": "librosa"}, 22_050, lambda y: librosa_mel(y, sr=22_050)),
    (
        "librosa, decibels below the largest value",
        "mel",
        {"preset": "librosa", "log": "db", "reference": "max", "range": 80, "nFft": 512, "hop": 128, "mels": 40},
        RATE,
        lambda y: librosa.power_to_db(
            librosa_mel(y, sr=RATE, n_fft=512, hop_length=128, n_mels=40), ref=np.max
        ),
    ),
    (
        "librosa, decibels of magnitudes",
        "mel",
        {"preset": "librosa", "log": "db", "values": "magnitude", "floor": 1e-5, "range": 80},
        RATE,
        lambda y: librosa.amplitude_to_db(librosa_mel(y, sr=RATE, power=1)),
    ),
    (
        "librosa, HTK without a norm, reflected, between two frequencies",
        "mel",
        {
            **{"preset": "librosa", "nFft": 1024, "hop": 200, "winLength": 800, "mels": 64, "pad": "reflect"},
            **{"scale": "htk", "norm": "none", "fMin": 50, "fMax": 7000, "window": "hamming"},
        },
        RATE,
        lambda y: librosa_mel(
            y,
            **{"sr": RATE, "n_fft": 1024, "hop_length": 200, "win_length": 800, "n_mels": 64},
            **{"htk": True, "norm": None, "fmin": 50, "fmax": 7000, "window": "hamming"},
            pad_mode="reflect",
        ),
    ),
    (
        "librosa, whole frames only, Blackman",
        "mel",
        {"preset": "librosa", "nFft": 60, "hop": 9, "mels": 10, "pad": "none", "window": "blackman"},
        RATE,
        lambda y: librosa_mel(
            y, sr=RATE, n_fft=60, hop_length=9, n_mels=10, center=False, window="blackman"
        ),
    ),
    (
        "DNSMOS P.808, as its program calls librosa",
        "mel",
        {
            **{"preset": "librosa", "nFft": 321, "hop": 160, "mels": 120, "log": "db", "reference": "max"},
            **{"range": 80, "mean": -40, "std": 40, "layout": "framesFirst"},
        },
        RATE,
        dnsmos,
    ),
    (
        "librosa, complex STFT",
        "stft",
        {"preset": "librosa"},
        RATE,
        lambda y: parts(librosa.stft(y.astype(np.float64))),
    ),
    (
        "librosa, magnitudes of an STFT with a short window of ones",
        "stft",
        {"preset": "librosa", "nFft": 256, "winLength": 100, "hop": 64, "window": "ones", "values": "magnitude"},
        RATE,
        lambda y: np.abs(
            librosa.stft(y.astype(np.float64), n_fft=256, win_length=100, hop_length=64, window="boxcar")
        ),
    ),
    ("torchaudio, defaults", "mel", {"preset": "torchaudio"}, RATE, torch_mel),
    (
        "torchaudio, Slaney's scale and norm",
        "mel",
        {
            **{"preset": "torchaudio", "nFft": 1024, "hop": 256, "mels": 64, "scale": "slaney", "norm": "slaney"},
            **{"fMin": 20, "fMax": 7600},
        },
        RATE,
        lambda y: torch_mel(
            y,
            **{"n_fft": 1024, "hop_length": 256, "n_mels": 64, "mel_scale": "slaney", "norm": "slaney"},
            **{"f_min": 20, "f_max": 7600},
        ),
    ),
    (
        "torchaudio, AmplitudeToDB",
        "mel",
        {"preset": "torchaudio", "log": "db", "range": 70, "mels": 23},
        RATE,
        lambda y: torch_db(y, top_db=70, n_mels=23),
    ),
    (
        "torchaudio, logarithm behind an offset",
        "mel",
        {"preset": "torchaudio", "log": "ln", "offset": 1e-6, "floor": 0, "mels": 40, "mean": -4.5, "std": 5},
        RATE,
        lambda y: (np.log(torch_mel(y, n_mels=40) + 1e-6) + 4.5) / 5,
    ),
    (
        "torchaudio, Spectrogram",
        "stft",
        {"preset": "torchaudio"},
        RATE,
        lambda y: torch_mel(y, transform=torchaudio.transforms.Spectrogram),
    ),
    ("Whisper", "mel", {"preset": "whisper"}, RATE, whisper_mel),
    ("Whisper large v3", "mel", {"preset": "whisper", "mels": 128}, RATE, lambda y: whisper_mel(y, 128)),
]

made = []
for name, kind, keys, rate, judge in CASES:
    for sound, samples in SOUNDS.items():
        # torch reflects once only.
        if sound == "short" and keys["preset"] == "torchaudio":
            continue
        values = np.ascontiguousarray(judge(samples), dtype=np.float64)
        stride = max(1, values.size // SOME)
        case = {"name": name, "kind": kind, "keys": keys, "rate": rate, "sound": sound}
        some = [float(f"{value:.9g}") for value in values.ravel()[::stride]]
        largest = float(np.abs(values).max())
        made.append({**case, "dims": list(values.shape), "largest": largest, "stride": stride, "some": some})
with open("spectrograms.json", "w") as file:
    json.dump({"noise": {"short": 70, "noise": 4000}, "cases": made}, file)
    file.write("\n")
