"""Makes the sound files of this folder, and the results of the reference programs for them.

Needs Python with numpy, soundfile, librosa and soxr, and `lame`. Run `python make.py` in this folder. The files
are small, and in the repository.
"""

import hashlib
import json
import subprocess

import librosa
import numpy as np
import soundfile as sf
import soxr

RATE = 16_000
STRIDE = 37
WINDOW = 400


def sound(rate, seconds, channels):
    time = np.arange(int(rate * seconds)) / rate
    tones = [0.5 * np.sin(2 * np.pi * (220 + 110 * c) * time) for c in range(channels)]
    sweep = 0.3 * np.sin(2 * np.pi * (100 * time + rate * 0.15 * time**2 / seconds))
    return np.stack([tone + sweep for tone in tones], axis=1)


mono, stereo = sound(RATE, 0.15, 1), sound(RATE, 0.1, 2)
FILES = {
    "u8.wav": (mono, RATE, "WAV", "PCM_U8"),
    "s16.wav": (stereo, RATE, "WAV", "PCM_16"),
    "s24.wav": (stereo, RATE, "WAVEX", "PCM_24"),
    "s32.wav": (mono, RATE, "WAV", "PCM_32"),
    "f32.wav": (mono, RATE, "WAV", "FLOAT"),
    "f64.wav": (mono, RATE, "WAV", "DOUBLE"),
    "alaw.wav": (mono, RATE, "WAV", "ALAW"),
    "ulaw.wav": (mono, RATE, "WAV", "ULAW"),
    "s8.flac": (mono, RATE, "FLAC", "PCM_S8"),
    "s16.flac": (stereo, RATE, "FLAC", "PCM_16"),
    "s24.flac": (mono, RATE, "FLAC", "PCM_24"),
    "mono.ogg": (mono, RATE, "OGG", "VORBIS"),
    "stereo.ogg": (stereo, RATE, "OGG", "VORBIS"),
    "mono.opus": (sound(48_000, 0.15, 1), 48_000, "OGG", "OPUS"),
}
for name, (samples, rate, kind, subtype) in FILES.items():
    np.random.seed(0)
    sf.write(name, samples, rate, format=kind, subtype=subtype)
for name, source in {"mono.mp3": "s32.wav", "stereo.mp3": "s16.wav"}.items():
    subprocess.run(["lame", "--quiet", "-b", "64", source, name], check=True)

reference = {"stride": STRIDE, "files": {}, "resampled": {}, "largest": {}}
for name in [*FILES, "mono.mp3", "stereo.mp3"]:
    samples, rate = sf.read(name, dtype="float32", always_2d=True)
    reference["files"][name] = {
        "rate": rate,
        "channels": samples.shape[1],
        "samples": samples.shape[0],
        "sha256": hashlib.sha256(samples.astype("<f4").tobytes()).hexdigest(),
        "some": [[round(float(value), 7) for value in row] for row in samples[::STRIDE]],
    }

for name in ["s16.wav", "s24.flac", "f32.wav"]:
    samples, _ = sf.read(name, dtype="float32", always_2d=True)
    mixed = samples.mean(axis=1)
    mixed = np.pad(mixed, (0, -len(mixed) % WINDOW)).reshape(-1, WINDOW)
    reference["largest"][name] = [round(float(value), 7) for value in mixed.max(axis=1)]


def noise(length):
    """Returns white noise that any language can compute: a linear congruential generator of 32 bits."""
    state, samples = 1, []
    for _ in range(length):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        samples.append(state / 2**31 - 1)
    return np.array(samples, dtype=np.float32)


# At least one pair for each path of soxr: one filter, two in either order, halvings, doublings, odd ratios.
PAIRS = [
    (8_000, 16_000),
    (11_025, 16_000),
    (22_050, 16_000),
    (24_000, 16_000),
    (44_100, 16_000),
    (48_000, 16_000),
    (44_101, 16_000),
    (16_000, 22_050),
    (44_100, 24_000),
    (44_100, 48_000),
    (96_000, 16_000),
    (44_100, 8_000),
    (8_000, 44_100),
    (8_000, 48_000),
]
for source, target in PAIRS:
    made = soxr.resample(noise(source // 8), source, target, quality="HQ")
    reference["resampled"][f"{source} {target}"] = {
        "samples": len(made),
        "some": [round(float(value), 7) for value in made[::STRIDE]],
        # Beginnings and ends of soxr, and of librosa, which fills up to one more whole sample.
        "short": {
            str(length): [
                round(float(value), 7)
                for value in librosa.resample(
                    noise(length), orig_sr=source, target_sr=target, res_type="soxr_hq"
                )
            ]
            for length in (1, 2, 7, 50)
        },
    }
with open("reference.json", "w") as file:
    json.dump(reference, file)
    file.write("\n")
