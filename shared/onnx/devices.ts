import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { ConcreteDevice } from "../domain/device.ts";
import { vulkanNeeds } from "./vulkan-needs.ts";

interface DeviceTraits {
  /** ONNX Runtime's name of the execution provider. */
  readonly provider: string;
  /** Library of the provider that an installation may lack. Null: part of ONNX Runtime. */
  readonly library: string | null;
  /** Platforms for which onnxruntime-node can include it. */
  readonly platforms: readonly NodeJS.Platform[];
  /** True when the provider accepts a `deviceId` (WebGPU refuses the option). */
  readonly takesDeviceId: boolean;
  /** Limit of sessions in one process. Null: none. */
  readonly maxLanes: number | null;
  /**
   * True when it may compute a float32 model in fewer bits. NVIDIA multiplies as TensorFloat, and Apple
   * computes whole models as float16.
   */
  readonly rounds: boolean;
  /**
   * Returns the device's requirements on this machine, for the error's reader.
   *
   * @param env environment of the process that uses the device
   */
  needs(env: NodeJS.ProcessEnv): string;
}

/**
 * Returns the command that installs the CUDA provider, as onnxruntime-node's own installation does. The npm
 * registry does not include it.
 */
function cudaInstaller(): string {
  const path = createRequire(import.meta.url).resolve("onnxruntime-node/script/install.js");
  return `node ${/\s/.test(path) ? JSON.stringify(path) : path} --onnxruntime-node-install`;
}

function cudaNeeds(): string {
  return (
    "needs an NVIDIA GPU with its driver, CUDA 12 and cuDNN 9 on the library path, and the provider itself: " +
    `\`${cudaInstaller()}\` downloads it`
  );
}

/** Differences between devices, in one table. */
export const DEVICE_TRAITS = {
  cpu: {
    provider: "cpu",
    library: null,
    platforms: ["linux", "darwin", "win32"],
    takesDeviceId: false,
    maxLanes: null,
    rounds: false,
    needs: () => "",
  },
  cuda: {
    provider: "cuda",
    library: "onnxruntime_providers_cuda",
    platforms: ["linux", "win32"],
    takesDeviceId: true,
    maxLanes: null,
    rounds: true,
    needs: cudaNeeds,
  },
  tensorrt: {
    provider: "tensorrt",
    library: "onnxruntime_providers_tensorrt",
    platforms: ["linux", "win32"],
    takesDeviceId: true,
    maxLanes: null,
    rounds: true,
    needs: () => `${cudaNeeds()}; and TensorRT 10`,
  },
  webgpu: {
    provider: "webgpu",
    library: null,
    platforms: ["linux", "darwin", "win32"],
    takesDeviceId: false,
    // Two WebGPU sessions in two threads share one global context and corrupt each other's results.
    maxLanes: 1,
    rounds: false,
    needs: vulkanNeeds,
  },
  coreml: {
    provider: "coreml",
    library: null,
    platforms: ["darwin"],
    takesDeviceId: false,
    maxLanes: 1,
    rounds: true,
    needs: () => "needs macOS on Apple hardware",
  },
  dml: {
    provider: "dml",
    library: null,
    platforms: ["win32"],
    takesDeviceId: true,
    maxLanes: 1,
    rounds: false,
    needs: () => "needs Windows 10 or later and a GPU with a DirectX 12 driver",
  },
} as const satisfies Record<ConcreteDevice, DeviceTraits>;

/**
 * Lists the devices that `auto` tries, best first. `cpu` follows when none of them really runs. TensorRT is
 * excluded, because it compiles every model for minutes. WebGPU is excluded, because it also runs on software
 * drivers, far slower than the CPU. The binding does not report which one it uses.
 */
export function autoCandidates(platform: NodeJS.Platform): readonly ConcreteDevice[] {
  const order: readonly ConcreteDevice[] = ["cuda", "coreml", "dml"];
  return order.filter((device) => existsOn(device, platform));
}

export function existsOn(device: ConcreteDevice, platform: NodeJS.Platform): boolean {
  const platforms: readonly NodeJS.Platform[] = DEVICE_TRAITS[device].platforms;
  return platforms.includes(platform);
}

/**
 * Returns whether this installation has the library of the device's provider. ONNX Runtime loads it from its
 * own folder only. So a probe of a device without it would start a process in vain.
 */
export function isInstalled(device: ConcreteDevice): boolean {
  const { library } = DEVICE_TRAITS[device];
  if (library === null) return true;
  const { platform, arch } = process;
  const file = platform === "win32" ? `${library}.dll` : `lib${library}.so`;
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
  return existsSync(join(dirname(entry), "bin", "napi-v6", platform, arch, file));
}
