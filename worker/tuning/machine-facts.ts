import { arch, cpus, platform } from "node:os";
import { packageVersion } from "../../shared/core/package-root.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { openGpuDriver } from "../../shared/extension/open-gpu-driver.ts";

/** What a measured time depends on besides the model: a value found with other facts says nothing. */
export interface MachineFacts {
  readonly device: ConcreteDevice;
  /** As its maker calls it, with its memory; null for other devices and where it is not known. */
  readonly gpu: string | null;
  /** What a Vulkan loader is told to load, for WebGPU: the device itself is not known. */
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

/** The first GPU that this process sees. */
async function findGpuName(): Promise<string | null> {
  const [visible = ""] = (process.env.CUDA_VISIBLE_DEVICES ?? "").split(",");
  const look = await (await openGpuDriver())?.look(visible === "" ? "0" : visible);
  if (look?.kind !== "read") return null;
  const { name, memoryTotalBytes } = look.reading;
  return `${name}, ${Math.round((memoryTotalBytes ?? 0) / 2 ** 20)} MiB`;
}
