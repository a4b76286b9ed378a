import { errorToData } from "../core/errors.ts";
import { answerIsolated } from "./isolated.ts";
import type { ProbeAnswer, ProbeQuestion } from "./probe.ts";
import { PROBE_INPUT, PROBE_MODEL_BASE64 } from "./probe-model.ts";
import { createSession } from "./session.ts";

/** Child process of `probeDevice`: loads the probe's model on one device and runs it. */

async function probe({ device }: ProbeQuestion): Promise<ProbeAnswer> {
  try {
    const startMs = performance.now();
    await using session = await createSession(Buffer.from(PROBE_MODEL_BASE64, "base64"), {
      device,
      threads: 1,
      wholeOnDevice: device !== "cpu",
      logErrors: true,
    });
    const loadMs = performance.now() - startMs;
    const feeds = {
      x: { dtype: "float32" as const, dims: [2, 4], data: Float32Array.from(PROBE_INPUT).buffer },
    };
    // The first run compiles shaders and selects algorithms. The second run measures a batch.
    await session.run(feeds, ["y"]);
    const runStartMs = performance.now();
    const { y } = await session.run(feeds, ["y"]);
    const runMs = performance.now() - runStartMs;
    return { kind: "ran", loadMs, runMs, values: [...new Float32Array(y?.data ?? new ArrayBuffer(0))] };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

answerIsolated((question) => probe(question as ProbeQuestion));
