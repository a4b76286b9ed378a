import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Chromium's software Vulkan driver, with which WebGPU runs without a GPU. */
export const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Checks for the driver, and for the Vulkan loader, which Chromium does not need and may lack. */
export function hasSwiftShader(): boolean {
  return existsSync(SWIFTSHADER) && spawnSync("ldconfig", ["-p"]).stdout?.includes("libvulkan.so.1") === true;
}
