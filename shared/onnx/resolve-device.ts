import type { ConcreteDevice, Device } from "../domain/device.ts";
import { autoCandidates, isInstalled } from "./devices.ts";
import { type ProbeOptions, probeDevice, probeError } from "./probe.ts";

/**
 * Resolves a choice to a device of this machine. `auto` is the first installed one of `autoCandidates` that
 * passes its probe, else the CPU. Any other choice works or throws, and is never replaced by another device.
 *
 * @throws {DEVICE_UNAVAILABLE} with what to install as its hint
 */
export async function resolveDevice(choice: Device, options: ProbeOptions): Promise<ConcreteDevice> {
  if (choice === "auto") {
    for (const device of autoCandidates(process.platform)) {
      if (isInstalled(device) && (await probeDevice(device, options)).ok) return device;
    }
    return "cpu";
  }
  // The CPU provider is part of the library. If the library cannot load, the lane's own error reports it.
  if (choice === "cpu") return choice;
  const probe = await probeDevice(choice, options);
  if (!probe.ok) throw probeError(probe);
  return choice;
}
