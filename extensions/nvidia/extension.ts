import type { Extension } from "../../shared/extension/extension.ts";

/** GPUs of NVIDIA and their state, by NVML, the library behind `nvidia-smi`. */
export const nvidia: Extension = {
  name: "nvidia",
  gpus: { open: async () => (await import("./nvml.ts")).Nvml.open() },
};
