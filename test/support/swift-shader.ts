import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Chromium's software Vulkan driver: where it is installed WebGPU runs without a GPU. */
export const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Whether it is there, and the Vulkan loader, which Chromium does not need and may come without. */
export function hasSwiftShader(): boolean {
  return existsSync(SWIFTSHADER) && spawnSync("ldconfig", ["-p"]).stdout?.includes("libvulkan.so.1") === true;
}
