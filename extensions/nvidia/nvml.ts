import { ShardmillError } from "../../shared/core/errors.ts";
import type { GpuDriver, GpuLook, GpuReading, Slowdown } from "../../shared/extension/gpu-driver.ts";

/** Library of the driver. In containers, NVIDIA's runtime mounts it. */
const LIBRARY = process.platform === "win32" ? "nvml.dll" : "libnvidia-ml.so.1";

const SUCCESS = 0;
/** NVML status codes of a GPU that fell off the bus, or needs a reset. */
const LOST: ReadonlySet<number> = new Set([6, 15, 16]);
const NAME_BYTES = 96;
/** Value of nvmlEventTypeXidCriticalError in nvml.h. */
const XID_EVENTS = 0x8n;
/** Limit of events in one look. A failing GPU may repeat one a thousand times. */
const MOST_XIDS = 32;

/** Involuntary slowdowns, by nvmlClocksEventReason... in nvml.h. */
const SLOWDOWNS: readonly (readonly [bigint, Slowdown])[] = [
  [0x8n, "hardware"],
  [0x20n, "heat"],
  [0x40n, "hardware heat"],
  [0x80n, "power brake"],
];

/** Values of nvml.h: the chip's temperature sensor, and kinds of errors since the driver was loaded. */
const ON_CHIP = 0;
const [CORRECTED, UNCORRECTED] = [0, 1];
/** Instance of an event that concerns the whole GPU. */
const ALL_INSTANCES = 0xffff_ffff;
const SINCE_LOADED = 0;

type Koffi = typeof import("koffi").default;
type KoffiType = Parameters<Koffi["out"]>[0];
type KoffiFunction = ReturnType<ReturnType<Koffi["load"]>["func"]>;
type Call = (name: string, ...args: unknown[]) => Promise<number>;
type Handle = unknown;
type Out<Value> = [Value];

/** Error that the driver reported, with the part of the GPU. */
interface Met {
  readonly instance: number;
  readonly xid: number;
}

/** Device that a process can use: a GPU, or a MIG part of one. */
interface Device {
  readonly handle: Handle;
  /** GPU that the device is, or is a part of, with its UUID below. */
  readonly whole: Handle;
  readonly uuid: string;
  /** Instance of the part. A whole GPU has `ALL_INSTANCES`. */
  readonly instance: number;
  /** Errors on the device that were not reported yet. */
  readonly xids: number[];
}

/**
 * Driver by NVIDIA's management library, the one behind `nvidia-smi`, without a process per look. All calls
 * run off the main thread, because a failing GPU may block them.
 *
 * Names, numbers and structures are those of nvml.h, which NVIDIA keeps compatible.
 */
export class Nvml implements GpuDriver {
  readonly #call: Call;
  readonly #text: (status: number) => string;
  readonly #devices = new Map<string, Device>();
  #events: Handle = null;
  /** Errors of GPUs that were not looked at yet, by UUID. */
  readonly #early = new Map<string, Met[]>();

  private constructor(call: Call, text: (status: number) => string) {
    this.#call = call;
    this.#text = text;
  }

  /** Opens the library. Null: there is no NVIDIA driver. */
  static async open(library = LIBRARY): Promise<Nvml | null> {
    const koffi = (await import("koffi")).default;
    let functions: Readonly<Record<string, KoffiFunction>>;
    try {
      functions = declare(koffi, library);
    } catch (error) {
      if (error instanceof Error) return null;
      throw error;
    }
    const call = (name: string, ...args: unknown[]) =>
      new Promise<number>((resolve, reject) => {
        functions[name]?.async(...args, (error: Error | null, status: number) =>
          error === null ? resolve(status) : reject(error),
        );
      });
    const nvml = new Nvml(call, (status) => String(functions.nvmlErrorString?.(status)));
    return (await call("nvmlInit_v2")) === SUCCESS ? nvml : null;
  }

  /** Lists the UUIDs of the visible GPUs. A GPU with MIG devices lists these instead. */
  async list(): Promise<readonly string[]> {
    const count: Out<number> = [0];
    this.#check(await this.#call("nvmlDeviceGetCount_v2", count), "count the GPUs");
    const uuids: string[] = [];
    for (let index = 0; index < count[0]; index += 1) {
      const handle = await this.#find(String(index));
      const parts = await this.#partsOf(handle);
      for (const each of parts.length > 0 ? parts : [handle])
        uuids.push(await this.#string("nvmlDeviceGetUUID", each));
    }
    return uuids;
  }

  /** Returns the free share of a device's memory, 0 to 1. Null: unsupported by the device. */
  async freeShare(gpu: string): Promise<number | null> {
    const { handle } = await this.#deviceOf(gpu);
    const memory = [{ total: 0, free: 0, used: 0 }];
    if (!(await this.#can("nvmlDeviceGetMemoryInfo", handle, memory))) return null;
    const [{ total, used } = { total: 0, used: 0 }] = memory;
    return Number(total) === 0 ? null : 1 - Number(used) / Number(total);
  }

  async look(gpu: string): Promise<GpuLook> {
    try {
      return { kind: "read", reading: await this.#read(await this.#deviceOf(gpu)) };
    } catch (error) {
      if (!(error instanceof GpuLost)) throw error;
      // A recovered GPU has another handle.
      this.#devices.delete(gpu);
      this.#events = null;
      return { kind: "lost", why: error.message };
    }
  }

  /** Reads a device. A MIG device has its own memory, but the heat, power and errors of its GPU. */
  async #read(device: Device): Promise<GpuReading> {
    const { handle: own, whole: handle } = device;
    const rates = [{ gpu: 0, memory: 0 }];
    const memory = [{ total: 0, free: 0, used: 0 }];
    const hasRates = await this.#can("nvmlDeviceGetUtilizationRates", handle, rates);
    const hasMemory = await this.#can("nvmlDeviceGetMemoryInfo", own, memory);
    const milliwatts = await this.#number("nvmlDeviceGetPowerUsage", handle);
    const reasons = await this.#number("nvmlDeviceGetCurrentClocksThrottleReasons", handle);
    return {
      name: await this.#string("nvmlDeviceGetName", own),
      uuid: await this.#string("nvmlDeviceGetUUID", own),
      utilisation: hasRates ? (rates[0]?.gpu ?? 0) / 100 : null,
      memoryUsedBytes: hasMemory ? Number(memory[0]?.used) : null,
      memoryTotalBytes: hasMemory ? Number(memory[0]?.total) : null,
      celsius: await this.#number("nvmlDeviceGetTemperature", handle, ON_CHIP),
      watts: milliwatts === null ? null : milliwatts / 1_000,
      correctedErrors: await this.#number("nvmlDeviceGetTotalEccErrors", handle, CORRECTED, SINCE_LOADED),
      uncorrectedErrors: await this.#number("nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, SINCE_LOADED),
      slowdowns: SLOWDOWNS.filter(([bit]) => (BigInt(reasons ?? 0) & bit) !== 0n).map(([, name]) => name),
      xids: await this.#xids(device),
    };
  }

  async #find(gpu: string): Promise<Handle> {
    const found: Out<Handle> = [null];
    const status = /^\d+$/.test(gpu)
      ? await this.#call("nvmlDeviceGetHandleByIndex_v2", Number(gpu), found)
      : await this.#call("nvmlDeviceGetHandleByUUID", gpu, found);
    this.#check(status, `find GPU ${gpu}`);
    return found[0];
  }

  /** Returns the MIG devices of a GPU. A whole GPU has none. */
  async #partsOf(handle: Handle): Promise<readonly Handle[]> {
    const [mode, pending, most]: Out<number>[] = [[0], [0], [0]];
    if (!(await this.#can("nvmlDeviceGetMigMode", handle, mode, pending)) || mode?.[0] !== 1) return [];
    if (!(await this.#can("nvmlDeviceGetMaxMigDeviceCount", handle, most))) return [];
    const parts: Handle[] = [];
    for (let index = 0; index < (most?.[0] ?? 0); index += 1) {
      const part: Out<Handle> = [null];
      const status = await this.#call("nvmlDeviceGetMigDeviceHandleByIndex", handle, index, part);
      if (status === SUCCESS) parts.push(part[0]);
    }
    return parts;
  }

  async #deviceOf(gpu: string): Promise<Device> {
    const known = this.#devices.get(gpu);
    if (known !== undefined) return known;
    const handle = await this.#find(gpu);
    const whole: Out<Handle> = [null];
    const isPart =
      (await this.#call("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", handle, whole)) === SUCCESS;
    const instance: Out<number> = [ALL_INSTANCES];
    if (isPart) await this.#can("nvmlDeviceGetGpuInstanceId", handle, instance);
    const ofWhole = isPart ? whole[0] : handle;
    const uuid = await this.#string("nvmlDeviceGetUUID", ofWhole);
    const early = (this.#early.get(uuid) ?? []).filter((met) => isOf(instance[0], met));
    const xids = early.map(({ xid }) => xid);
    const device = { handle, whole: ofWhole, uuid, instance: instance[0], xids };
    this.#devices.set(gpu, device);
    await this.#register(ofWhole);
    return device;
  }

  /** Registers for a GPU's errors. A GPU without events reports none. */
  async #register(handle: Handle): Promise<void> {
    if (this.#events === null) {
      const set: Out<Handle> = [null];
      if ((await this.#call("nvmlEventSetCreate", set)) !== SUCCESS) return;
      this.#events = set[0];
    }
    await this.#call("nvmlDeviceRegisterEvents", handle, XID_EVENTS, this.#events);
  }

  /** Returns the new errors of a device, and keeps those of other devices for their looks. */
  async #xids(device: Device): Promise<readonly number[]> {
    for (let taken = 0; this.#events !== null && taken < MOST_XIDS; taken += 1) {
      const data = [{ device: null, eventType: 0, eventData: 0, gpuInstanceId: 0, computeInstanceId: 0 }];
      if ((await this.#call("nvmlEventSetWait_v2", this.#events, data, 0)) !== SUCCESS) break;
      const [event] = data;
      if (event === undefined || event.device === null) break;
      const uuid = await this.#string("nvmlDeviceGetUUID", event.device);
      const met = { instance: event.gpuInstanceId, xid: Number(event.eventData) };
      const matching = [...this.#devices.values()].filter((each) => each.uuid === uuid);
      for (const { instance, xids } of matching) if (isOf(instance, met)) xids.push(met.xid);
      if (matching.length === 0) this.#early.set(uuid, [...(this.#early.get(uuid) ?? []), met]);
    }
    return device.xids.splice(0);
  }

  async #number(name: string, handle: Handle, ...args: unknown[]): Promise<number | null> {
    const out: Out<number> = [0];
    return (await this.#can(name, handle, ...args, out)) ? Number(out[0]) : null;
  }

  async #string(name: string, handle: Handle): Promise<string> {
    const bytes = Buffer.alloc(NAME_BYTES);
    return (await this.#can(name, handle, bytes, bytes.length))
      ? (bytes.toString("latin1").split("\0")[0] ?? "")
      : "";
  }

  /**
   * Calls a function, and returns false when it is unsupported. Many kinds of GPUs lack some of them.
   *
   * @throws {GpuLost} when the GPU is lost
   */
  async #can(name: string, handle: Handle, ...args: unknown[]): Promise<boolean> {
    const status = await this.#call(name, handle, ...args);
    if (LOST.has(status)) throw new GpuLost(this.#text(status));
    return status === SUCCESS;
  }

  #check(status: number, what: string): void {
    if (LOST.has(status)) throw new GpuLost(this.#text(status));
    if (status === SUCCESS) return;
    throw new ShardmillError("DEVICE_UNAVAILABLE", `NVIDIA's library cannot ${what}: ${this.#text(status)}`);
  }
}

/** Returns true when an error concerns a part. All errors concern a whole GPU. */
function isOf(instance: number, met: Met): boolean {
  return met.instance === instance || met.instance === ALL_INSTANCES || instance === ALL_INSTANCES;
}

class GpuLost extends Error {}

function declare(koffi: Koffi, library: string): Readonly<Record<string, KoffiFunction>> {
  const nvml = koffi.load(library);
  const device = koffi.pointer(koffi.opaque());
  const set = koffi.pointer(koffi.opaque());
  const out = (type: KoffiType) => koffi.out(koffi.pointer(type));
  const rates = koffi.struct({ gpu: "uint32_t", memory: "uint32_t" });
  const memory = koffi.struct({ total: "uint64_t", free: "uint64_t", used: "uint64_t" });
  const event = koffi.struct({
    device,
    eventType: "uint64_t",
    eventData: "uint64_t",
    gpuInstanceId: "uint32_t",
    computeInstanceId: "uint32_t",
  });
  const shapes: Readonly<Record<string, readonly KoffiType[]>> = {
    nvmlInit_v2: [],
    nvmlDeviceGetCount_v2: [out("uint32_t")],
    nvmlDeviceGetHandleByIndex_v2: ["uint32_t", out(device)],
    nvmlDeviceGetHandleByUUID: ["str", out(device)],
    nvmlDeviceGetName: [device, "uint8_t *", "uint32_t"],
    nvmlDeviceGetUUID: [device, "uint8_t *", "uint32_t"],
    nvmlDeviceGetUtilizationRates: [device, out(rates)],
    nvmlDeviceGetMemoryInfo: [device, out(memory)],
    nvmlDeviceGetTemperature: [device, "int", out("uint32_t")],
    nvmlDeviceGetPowerUsage: [device, out("uint32_t")],
    nvmlDeviceGetCurrentClocksThrottleReasons: [device, out("uint64_t")],
    nvmlDeviceGetTotalEccErrors: [device, "int", "int", out("uint64_t")],
    nvmlDeviceGetMigMode: [device, out("uint32_t"), out("uint32_t")],
    nvmlDeviceGetMaxMigDeviceCount: [device, out("uint32_t")],
    nvmlDeviceGetMigDeviceHandleByIndex: [device, "uint32_t", out(device)],
    nvmlDeviceGetDeviceHandleFromMigDeviceHandle: [device, out(device)],
    nvmlDeviceGetGpuInstanceId: [device, out("uint32_t")],
    nvmlEventSetCreate: [out(set)],
    nvmlDeviceRegisterEvents: [device, "uint64_t", set],
    nvmlEventSetWait_v2: [set, out(event), "uint32_t"],
  };
  const functions = Object.entries(shapes).map(
    ([name, types]) => [name, nvml.func(name, "int", [...types])] as const,
  );
  return { ...Object.fromEntries(functions), nvmlErrorString: nvml.func("nvmlErrorString", "str", ["int"]) };
}
