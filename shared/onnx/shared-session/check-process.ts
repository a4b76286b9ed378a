import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { withTempFolder } from "../../core/temp-folder.ts";
import type { TensorData } from "../../domain/tensor.ts";
import { answerIsolated } from "../isolated.ts";
import { PROBE_INPUT, PROBE_MODEL_BASE64 } from "../probe-model.ts";
import { createSession } from "../session.ts";
import { SharedHandle } from "./shared-handle.ts";
import { openSharedSession } from "./shared-session.ts";

/** Child process of `checkSharedSession`: runs the probe's model both ways, and compares the bytes. */
async function compare(): Promise<string | null> {
  const model = Buffer.from(PROBE_MODEL_BASE64, "base64");
  return await withTempFolder("session-check", async (folder) => {
    const path = join(folder, "model.onnx");
    await writeFile(path, model);
    await using shared = await openSharedSession(path, SharedHandle.buffer());
    await using own = await createSession(model, { device: "cpu", threads: 1 });
    const x: TensorData = { dtype: "float32", dims: [2, 4], data: Float32Array.from(PROBE_INPUT).buffer };
    const [found, expected] = [await shared?.run({ x }, ["y"]), await own.run({ x }, ["y"])];
    const bytesOf = (y: TensorData | undefined) => Buffer.from(y?.data ?? new ArrayBuffer(0));
    return bytesOf(found?.y).equals(bytesOf(expected.y)) ? null : "it computed other numbers";
  });
}

answerIsolated(() => compare().catch(messageOf));
