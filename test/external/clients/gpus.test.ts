import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Nvml } from "../../../extensions/nvidia/nvml.ts";

/**
 * Calls NVIDIA's management library without a GPU. A library with the same functions replaces it, which
 * NVIDIA's own bindings for Python read, too.
 */

const folder = mkdtempSync(join(tmpdir(), "shardmill-gpus-"));
const library = join(folder, "libnvidia-ml.so.1");
const state = join(folder, "gpus");
const GPUS = `0 utilisation 57
0 used 1000000000
0 total 85899345920
0 celsius 61
0 milliwatts 312500
0 reasons 104
0 corrected 5000000000
0 uncorrected 2
1 celsius 33
`;

/** Script that reads the library by NVIDIA's bindings. */
const READ = `
import json, pynvml as n
n.nvmlInit()
gpus = []
for i in range(n.nvmlDeviceGetCount()):
    h = n.nvmlDeviceGetHandleByIndex(i)
    def ask(f, *args):
        try: return f(h, *args)
        except n.NVMLError_NotSupported: return None
    rates, memory, power = ask(n.nvmlDeviceGetUtilizationRates), ask(n.nvmlDeviceGetMemoryInfo), ask(n.nvmlDeviceGetPowerUsage)
    gpus.append({
        "name": n.nvmlDeviceGetName(h), "uuid": n.nvmlDeviceGetUUID(h),
        "utilisation": rates and rates.gpu / 100, "memoryUsedBytes": memory and memory.used,
        "memoryTotalBytes": memory and memory.total, "celsius": ask(n.nvmlDeviceGetTemperature, n.NVML_TEMPERATURE_GPU),
        "watts": power and power / 1000,
        "correctedErrors": ask(n.nvmlDeviceGetTotalEccErrors, n.NVML_MEMORY_ERROR_TYPE_CORRECTED, n.NVML_VOLATILE_ECC),
        "uncorrectedErrors": ask(n.nvmlDeviceGetTotalEccErrors, n.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, n.NVML_VOLATILE_ECC),
        "reasons": ask(n.nvmlDeviceGetCurrentClocksThrottleReasons),
    })
h = n.nvmlDeviceGetHandleByIndex(0)
events = n.nvmlEventSetCreate()
n.nvmlDeviceRegisterEvents(h, n.nvmlEventTypeXidCriticalError, events)
print(json.dumps({"gpus": gpus, "xid": n.nvmlEventSetWait_v2(events, 0).eventData,
    "slow": [n.nvmlClocksThrottleReasonHwSlowdown, n.nvmlClocksThrottleReasonSwThermalSlowdown,
        n.nvmlClocksThrottleReasonHwThermalSlowdown, n.nvmlClocksThrottleReasonHwPowerBrakeSlowdown]}))
`;

beforeAll(() => {
  execFileSync("cc", ["-shared", "-fPIC", "-o", library, join("test", "support", "gpus", "nvml.c")]);
});

beforeEach(() => {
  process.env.GPUS_OF_A_TEST = state;
  writeFileSync(state, GPUS);
  writeFileSync(`${state}.events`, "0 79\n");
});

afterAll(() => {
  delete process.env.GPUS_OF_A_TEST;
  rmSync(folder, { recursive: true });
});

async function open(): Promise<Nvml> {
  const nvml = await Nvml.open(library);
  if (nvml === null) throw new Error("the library cannot be loaded");
  return nvml;
}

test("GPUs have the same readings as in NVIDIA's own Python bindings", async () => {
  const python = join(process.env.SHARDMILL_FOREIGN ?? "", "python", "bin", "python");
  const env = { ...process.env, LD_LIBRARY_PATH: folder };
  const theirs = JSON.parse(execFileSync(python, ["-c", READ], { env, encoding: "utf8" }));
  const nvml = await open();
  const uuids = await nvml.list();
  const ours = await Promise.all(uuids.map((uuid) => nvml.look(uuid)));
  for (const [index, { reasons, ...gpu }] of theirs.gpus.entries())
    expect(ours[index]).toMatchObject({ kind: "read", reading: gpu });
  expect(theirs.slow).toEqual([0x8, 0x20, 0x40, 0x80]);
  const slowdowns = ours.map((look) => (look.kind === "read" ? look.reading.slowdowns : null));
  expect(slowdowns).toEqual([["hardware", "heat", "hardware heat"], []]);
  expect(theirs.xid).toBe(79);
});

test("each driver error is reported exactly once, with the GPU that it belongs to", async () => {
  const nvml = await open();
  const xids = async (gpu: string) => {
    const look = await nvml.look(gpu);
    return look.kind === "read" ? look.reading.xids : null;
  };
  // Earlier events belong to another test, or to this library's first user.
  await xids("0");
  appendFileSync(`${state}.events`, "1 48\n0 13\n0 31\n");
  expect(await xids("0")).toEqual([13, 31]);
  expect(await xids("1")).toEqual([48]);
  expect([await xids("0"), await xids("1")]).toEqual([[], []]);
});

test("a lost GPU is reported as lost and read again later, and a missing library opens as null", async () => {
  const nvml = await open();
  await nvml.look("GPU-00001");
  writeFileSync(state, `${GPUS}1 lost 1\n`);
  expect(await nvml.look("GPU-00001")).toEqual({ kind: "lost", why: "GPU is lost" });
  writeFileSync(state, GPUS);
  expect(await nvml.look("GPU-00001")).toMatchObject({ kind: "read", reading: { celsius: 33 } });
  expect(await nvml.look("GPU-00007")).toMatchObject({ kind: "lost" });
  expect(await Nvml.open(join(folder, "nothing.so"))).toBeNull();
});

const PARTS = `0 mig 1
0 total 85899345920
0 used 30000000000
0 celsius 61
0 uncorrected 2
100 total 20000000000
100 used 15000000000
101 total 20000000000
101 used 1000000000
1 total 100
1 used 25
1 celsius 33
`;

test("MIG parts have their own memory, and report the temperature and the errors of their GPU", async () => {
  writeFileSync(state, PARTS);
  const nvml = await open();
  const uuids = await nvml.list();
  expect(uuids).toEqual(["MIG-0000100", "MIG-0000101", "GPU-00001"]);
  const looks = await Promise.all(uuids.map((uuid) => nvml.look(uuid)));
  const read = (name: string, memoryUsedBytes: number, celsius: number, uncorrectedErrors: number | null) =>
    ({ kind: "read", reading: { name, memoryUsedBytes, celsius, uncorrectedErrors } }) as const;
  expect(looks).toMatchObject([
    read("Pretended part 100", 15_000_000_000, 61, 2),
    read("Pretended part 101", 1_000_000_000, 61, 2),
    read("Pretended GPU 1", 25, 33, null),
  ]);
  expect(await Promise.all(uuids.map((uuid) => nvml.freeShare(uuid)))).toEqual([0.25, 0.95, 0.75]);
  writeFileSync(state, `${PARTS}0 lost 1\n`);
  expect(await nvml.look("MIG-0000101")).toEqual({ kind: "lost", why: "GPU is lost" });
});

test("an error of a MIG part is reported with that part, and an error of the GPU with every part", async () => {
  writeFileSync(state, PARTS);
  writeFileSync(`${state}.events`, "");
  const nvml = await open();
  const xids = async () => {
    const looks = await Promise.all((await nvml.list()).map((uuid) => nvml.look(uuid)));
    return looks.map((look) => (look.kind === "read" ? look.reading.xids : null));
  };
  await xids();
  appendFileSync(`${state}.events`, "101 94\n0 79\n1 48\n");
  const told = [await xids(), await xids()];
  const all = [0, 1, 2].map((place) => told.flatMap((each) => each[place] ?? []));
  expect(all).toEqual([[79], [94, 79], [48]]);
});

test("the free memory of a GPU that does not report it is null", async () => {
  writeFileSync(state, "0 celsius 61\n");
  expect(await (await open()).freeShare("0")).toBeNull();
});
