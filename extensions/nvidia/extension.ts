import type { Extension } from "../../shared/extension/extension.ts";

/** GPUs of NVIDIA: which there are, and how they are, by the library that `nvidia-smi` prints. */
export const nvidia: Extension = {
  name: "nvidia",
  gpus: { open: async () => (await import("./nvml.ts")).Nvml.open() },
};
