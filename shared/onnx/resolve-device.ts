import type { ConcreteDevice, Device } from "../domain/device.ts";
import { autoCandidates } from "./devices.ts";
import { type ProbeOptions, probeDevice, probeError } from "./probe.ts";

/**
 * The device that a choice means on this machine. `auto` is the first of `autoCandidates` that passes its
 * probe, else the CPU. Any other choice is taken at its word: it works, or this throws; it is never replaced
 * by another.
 *
 * @throws {DEVICE_UNAVAILABLE} with what to install as its hint
 */
export async function resolveDevice(choice: Device, options: ProbeOptions): Promise<ConcreteDevice> {
  if (choice === "auto") {
    for (const device of autoCandidates(process.platform)) {
      if ((await probeDevice(device, options)).ok) return device;
    }
    return "cpu";
  }
  // The CPU provider is part of the library: if it cannot load, nothing can, and the lane's own error says
  // so.
  if (choice === "cpu") return choice;
  const probe = await probeDevice(choice, options);
  if (!probe.ok) throw probeError(probe);
  return choice;
}
