import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { type IsolatedResult, runIsolated } from "../../shared/onnx/isolated.ts";
import { probeDevice } from "../../shared/onnx/probe.ts";
import { mlpModel } from "../support/onnx-model.ts";
import { hasSwiftShader, SWIFTSHADER } from "../support/swift-shader.ts";

/**
 * Environment for WebGPU, which also runs on software Vulkan. So a GPU provider is tested without a GPU: with
 * Chromium's SwiftShader if installed, which is known to work. Otherwise with any driver of the machine.
 */
const withDriver = hasSwiftShader() ? { ...process.env, VK_DRIVER_FILES: SWIFTSHADER } : process.env;
const { VK_DRIVER_FILES: _files, VK_ICD_FILENAMES: _names, ...plain } = process.env;
/** Environment without drivers, unless they are in `/etc/vulkan`. */
const withoutDriver = {
  ...plain,
  ...{ HOME: "/nonexistent", XDG_CONFIG_HOME: "/nonexistent", XDG_DATA_HOME: "/nonexistent" },
  ...{ XDG_CONFIG_DIRS: "/nonexistent", XDG_DATA_DIRS: "/nonexistent" },
};

let folder: string;
let modelPath: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-webgpu-"));
  modelPath = join(folder, "mlp.onnx");
  await writeFile(modelPath, mlpModel({ inputs: 16, hidden: [32, 32], outputs: 5, seed: 11 }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/**
 * Runs lanes on a device in a separate process. A driver's crash is then an answer, and not the end of the
 * tests.
 */
async function logitsOf(device: "cpu" | "webgpu", env: NodeJS.ProcessEnv): Promise<IsolatedResult> {
  const path = join(folder, "logits.mjs");
  const module = (source: string) => JSON.stringify(compiledUrl(source).href);
  await writeFile(
    path,
    `import { errorToData } from ${module("shared/core/errors.ts")};
     import { startLanes } from ${module("worker/lanes/lane-set.ts")};
     import { connectLanes } from ${module("worker/lanes/lane-pool.ts")};
     const { id, argument: { modelPath, device } } = await new Promise((resolve) => process.once("message", resolve));
     const never = new AbortController().signal;
     // Twice: the second set of lanes finds the device as the first one left it.
     const answers = [];
     try {
       for (let set = 0; set < 2; set += 1) {
         const lanes = await startLanes({ modelPath, device, lanes: 1, threads: 1 }, never);
         const pool = connectLanes(lanes.connect());
         for (const rows of [1, 7, 64]) {
           const data = Float32Array.from({ length: rows * 16 }, (_, i) => Math.sin(i)).buffer;
           const { outputs } = await pool.infer({ input: { dtype: "float32", dims: [rows, 16], data } }, ["logits"], null, never);
           answers.push(...new Float32Array(outputs.logits.data));
         }
         pool[Symbol.dispose]();
         await lanes[Symbol.asyncDispose]();
       }
       process.send({ kind: "done", id, value: answers });
     } catch (error) {
       process.send({ kind: "done", id, value: errorToData(error) });
     }`,
  );
  const argument = { modelPath, device };
  return runIsolated({ script: pathToFileURL(path), argument, limitMs: 50_000, env, signal: NEVER });
}

test("the probe and the lanes advise a package only when there is no Vulkan driver", async () => {
  // Only Linux finds drivers by these variables. Elsewhere the system's own driver answers.
  const probe = await probeDevice("webgpu", { env: withoutDriver, signal: NEVER });
  const result = await logitsOf("webgpu", withoutDriver);
  if (probe.ok) {
    expect(process.platform).not.toBe("linux");
    return;
  }
  expect(probe.hint).toContain("mesa-vulkan-drivers");
  expect(result).toMatchObject({
    kind: "answered",
    value: { code: "DEVICE_UNAVAILABLE", hint: expect.stringContaining("mesa-vulkan-drivers") },
  });
});

test("the probe names the drivers that gave no device, or the variable that names no driver", async () => {
  const drivers = join(folder, "vulkan", "icd.d");
  await mkdir(drivers, { recursive: true });
  // The Vulkan loader skips a driver whose library is missing.
  const manifest = {
    file_format_version: "1.0.0",
    ICD: { library_path: "/nonexistent.so", api_version: "1.3.0" },
  };
  await writeFile(join(drivers, "some_icd.json"), JSON.stringify(manifest));
  const hintWith = async (env: NodeJS.ProcessEnv) =>
    (await probeDevice("webgpu", { env: { ...withoutDriver, ...env }, signal: NEVER })).hint;
  const installed = await hintWith({ XDG_DATA_DIRS: folder });
  const misnamed = await hintWith({ VK_ICD_FILENAMES: "/nonexistent.json" });
  if (process.platform !== "linux") return;
  for (const hint of [installed, misnamed]) expect(hint).not.toContain("mesa-vulkan-drivers");
  expect(installed).toMatch(/some_icd\.json|libvulkan1/);
  expect(misnamed).toContain("VK_ICD_FILENAMES names no existing file");
});

test("lanes agree with the CPU if the driver passes its probe, and else fail with DEVICE_UNAVAILABLE", async () => {
  const probe = await probeDevice("webgpu", { env: withDriver, signal: NEVER });
  if (hasSwiftShader()) expect(probe).toMatchObject({ ok: true });
  const [cpu, webgpu] = [await logitsOf("cpu", process.env), await logitsOf("webgpu", withDriver)];
  if (!probe.ok) {
    expect(webgpu).toMatchObject({ kind: "answered", value: { code: "DEVICE_UNAVAILABLE" } });
    return;
  }
  if (cpu.kind !== "answered" || webgpu.kind !== "answered") {
    expect([cpu, webgpu]).toMatchObject([{ kind: "answered" }, { kind: "answered" }]);
    return;
  }
  const [expected, found] = [cpu.value as number[], webgpu.value as number[]];
  expect(expected).toHaveLength(2 * (1 + 7 + 64) * 5);
  expect(found).toHaveLength(expected.length);
  expect(Math.max(...found.map((value, index) => Math.abs(value - (expected[index] ?? 0))))).toBeLessThan(
    1e-4,
  );
});
