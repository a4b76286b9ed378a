import { readdirSync } from "node:fs";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { existsOn, isInstalled } from "../../shared/onnx/devices.ts";
import { runIsolated } from "../../shared/onnx/isolated.ts";
import { probeDevice, probeDevices } from "../../shared/onnx/probe.ts";
import { resolveDevice } from "../../shared/onnx/resolve-device.ts";
import { checkSharedSession } from "../../shared/onnx/shared-session/check-shared-session.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-probe-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function script(name: string, source: string): Promise<URL> {
  const path = join(folder, `${name}.mjs`);
  await writeFile(path, source);
  return pathToFileURL(path);
}

const BINARIES = join(packageRoot, "node_modules", "onnxruntime-node", "bin");
/** True when onnxruntime-node's install added the CUDA provider, as on a GPU node. */
const hasCudaProvider = readdirSync(BINARIES, { recursive: true, encoding: "utf8" }).some((name) =>
  name.includes("providers_cuda"),
);
/** Device that ONNX Runtime has on other platforms only. */
const FOREIGN = process.platform === "darwin" ? "dml" : "coreml";

describe("a probe", () => {
  test("checks that the CPU computes the right numbers, and measures its time", async () => {
    const probe = await probeDevice("cpu", { signal: NEVER });
    expect(probe).toMatchObject({ device: "cpu", ok: true, hint: null });
    expect(probe.loadMs).toBeGreaterThan(0);
    expect(probe.runMs).toBeGreaterThan(0);
  });

  test.skipIf(hasCudaProvider)(
    "reports the missing library and what to install for CUDA without its provider",
    async () => {
      const probe = await probeDevice("cuda", { signal: NEVER });
      expect(probe).toMatchObject({ ok: false, loadMs: null, runMs: null });
      const installer = /`node (\S+) --onnxruntime-node-install`/.exec(probe.hint ?? "")?.[1];
      await expect(access(installer ?? "no installer in the hint")).resolves.toBeUndefined();
      if (process.platform === "linux") expect(probe.detail).toContain("libonnxruntime_providers_shared.so");
    },
  );

  test("is worth its process for a provider that is part of ONNX Runtime or installed", () => {
    expect(isInstalled("cpu")).toBe(true);
    expect(isInstalled("cuda")).toBe(hasCudaProvider);
  });

  test("rejects a device that this platform does not support", async () => {
    const probe = await probeDevice(FOREIGN, { signal: NEVER });
    expect(probe).toMatchObject({ device: FOREIGN, ok: false });
    expect(probe.detail).toContain(process.platform);
  });

  test("is not ok when it takes too long", async () => {
    expect(await probeDevice("cpu", { limitMs: 1, signal: NEVER })).toMatchObject({ ok: false, runMs: null });
  });

  test("returns a result for each device of the platform, in the order of the table", async () => {
    const probes = await probeDevices({ signal: NEVER });
    expect(probes.map(({ device }) => device)).toEqual(
      (["cpu", "cuda", "tensorrt", "webgpu", "coreml", "dml"] as const).filter((device) =>
        existsOn(device, process.platform),
      ),
    );
    for (const { ok, hint } of probes) expect(hint === null).toBe(ok);
  });
});

describe("resolveDevice", () => {
  test("resolves auto to a device that passes its probe", async () => {
    const device = await resolveDevice("auto", { signal: NEVER });
    expect(await probeDevice(device, { signal: NEVER })).toMatchObject({ ok: true });
  });

  test("does not replace a requested device that fails its probe", async () => {
    const { detail, hint } = await probeDevice(FOREIGN, { signal: NEVER });
    await expect(resolveDevice(FOREIGN, { signal: NEVER })).rejects.toMatchObject({
      code: "DEVICE_UNAVAILABLE",
      fields: { device: FOREIGN, detail },
      hint,
    });
  });

  test.skipIf(hasCudaProvider)("reports what to install for TensorRT without its provider", async () => {
    await expect(resolveDevice("tensorrt", { signal: NEVER })).rejects.toMatchObject({
      code: "DEVICE_UNAVAILABLE",
      hint: expect.stringContaining("TensorRT"),
    });
  });
});

describe("an isolated process", () => {
  test("can crash, and the result is its signal and error output", async () => {
    const crash = await script("crash", 'console.error("ouch"); process.kill(process.pid, "SIGSEGV");');
    expect(await runIsolated({ script: crash, argument: null, limitMs: 30_000, signal: NEVER })).toEqual({
      kind: "crashed",
      how: "signal SIGSEGV",
      stderr: "ouch",
    });
  });

  test("can exit without a result, and its exit code is returned", async () => {
    const exit = await script("exit", "process.exit(7);");
    expect(await runIsolated({ script: exit, argument: null, limitMs: 30_000, signal: NEVER })).toMatchObject(
      {
        kind: "crashed",
        how: "exit code 7",
      },
    );
  });

  test("is killed when it hangs, at its time limit or when the signal aborts", async () => {
    const hang = await script("hang", "for (;;);");
    expect(await runIsolated({ script: hang, argument: null, limitMs: 200, signal: NEVER })).toMatchObject({
      kind: "timedOut",
    });
    const stopped = runIsolated({
      script: hang,
      argument: null,
      limitMs: 30_000,
      signal: AbortSignal.timeout(200),
    });
    await expect(stopped).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("gets its argument, and is ended after its result even if it would stay", async () => {
    const echo = await script(
      "echo",
      "process.once('message', ({ id, argument }) => process.send({ kind: 'done', id, value: { argument, pid: process.pid } })); setInterval(() => {}, 1000);",
    );
    const result = await runIsolated({
      script: echo,
      argument: { a: [1, "ü"] },
      limitMs: 30_000,
      signal: NEVER,
    });
    expect(result).toMatchObject({ kind: "answered", value: { argument: { a: [1, "ü"] } } });
    const { pid } = (result as { value: { pid: number } }).value;
    expect(() => process.kill(pid, 0)).toThrow();
  });
});

describe("the check of shared sessions", () => {
  test("passes where the C API was tested, and is made once", async () => {
    const check = checkSharedSession();
    expect(checkSharedSession()).toBe(check);
    expect(await check).toBe(process.platform === "linux" ? null : `not tested on ${process.platform}`);
  });

  test("reports a crash of its process", async () => {
    const crashing = await script("wrong-function", `process.kill(process.pid, "SIGSEGV");`);
    expect(await checkSharedSession(crashing)).toMatch(/^the check ended by signal .*SIGSEGV/);
  });
});
