import { arch, cpus, platform } from "node:os";
import { packageVersion } from "../../shared/core/package-root.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { openGpuDriver } from "../../shared/extension/open-gpu-driver.ts";

/** Facts that affect measured times besides the model. Measurements with other facts do not apply. */
export interface MachineFacts {
  readonly device: ConcreteDevice;
  /** Maker's name of the GPU, and its memory. Null: another device, or unknown. */
  readonly gpu: string | null;
  /** Vulkan driver setting, for WebGPU. The device itself is unknown. */
  readonly driver: string | null;
  readonly cpu: string;
  readonly platform: string;
  readonly onnxruntime: string;
}

export async function findMachineFacts(device: ConcreteDevice): Promise<MachineFacts> {
  return {
    device,
    gpu: device === "cuda" || device === "tensorrt" ? await findGpuName() : null,
    driver:
      device === "webgpu" ? (process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? null) : null,
    cpu: cpus()[0]?.model.trim() ?? "",
    platform: `${platform()}-${arch()}`,
    onnxruntime: packageVersion("onnxruntime-node"),
  };
}

/** Returns the name of the first GPU that this process sees. */
async function findGpuName(): Promise<string | null> {
  const [visible = ""] = (process.env.CUDA_VISIBLE_DEVICES ?? "").split(",");
  const look = await (await openGpuDriver())?.look(visible === "" ? "0" : visible);
  if (look?.kind !== "read") return null;
  const { name, memoryTotalBytes } = look.reading;
  return `${name}, ${Math.round((memoryTotalBytes ?? 0) / 2 ** 20)} MiB`;
}
