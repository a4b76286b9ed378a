import { diskError } from "./disk-image.ts";
import type { Scheduler, SimProcess } from "./scheduler.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** An operation of a process on its disk, or on a bucket, as a fault sees it. */
export interface DiskCall {
  readonly process: SimProcess;
  readonly call: "open" | "read" | "write" | "sync" | "names" | "removal" | "close";
  readonly path: string;
  /** The previous name, for a rename. */
  readonly from?: string;
}

/** A fault of one operation. */
export type DiskFault =
  | { readonly kind: "none" }
  | { readonly kind: "error"; readonly code: "ENOSPC" | "EIO" }
  /** The process exits before the operation, half way through it, or after it, without its result. */
  | { readonly kind: "die"; readonly when: "before" | "torn" | "after"; readonly power: boolean };

/** The process of an operation, and its faults. */
export interface OperationOptions {
  readonly scheduler: Scheduler;
  readonly process: SimProcess;
  readonly random: SeededRandom;
  readonly faultOf: (call: DiskCall) => DiskFault;
  readonly die: (process: SimProcess, why: string, power: boolean) => void;
  /** Called after each operation, before anything else happens. */
  readonly onDone: (call: DiskCall) => void;
}

/** Durations of operations: usually short, but a disk may be busy. */
const USUAL_MS = 1;
const BUSY_MS = 150;
const BUSY_SHARE = 0.02;

/** Runs one operation as a step of its process. It may fail, be partly done, or be the process's last. */
export function runOperation<T>(
  options: OperationOptions,
  what: Omit<DiskCall, "process">,
  act: () => T,
  actHalf: (random: SeededRandom) => void = () => {},
): Promise<T> {
  const { scheduler, process, random, faultOf, die, onDone } = options;
  const { call, path } = what;
  const busyMs = random.chance(BUSY_SHARE) ? BUSY_MS * random.unit() : 0;
  return new Promise((resolve, reject) => {
    scheduler.after(USUAL_MS * random.unit() + busyMs, process, () => {
      const diskCall: DiskCall = { process, ...what };
      const fault = faultOf(diskCall);
      if (call !== "read" && call !== "close") scheduler.note(`${process.name}: ${call} ${path}`);
      const dies = fault.kind === "die" ? fault : null;
      if (dies?.when === "before" || dies?.when === "torn") {
        if (dies.when === "torn") actHalf(random);
        die(process, `${dies.when} ${call} ${path}`, dies.power);
        return;
      }
      if (fault.kind === "error") {
        scheduler.note(`${process.name}: ${fault.code} at ${call} ${path}`);
        if (call === "write") actHalf(random);
        reject(diskError(fault.code, call, path));
        return;
      }
      let result: T;
      try {
        result = act();
      } catch (error) {
        reject(error);
        return;
      }
      onDone(diskCall);
      if (dies === null) resolve(result);
      else die(process, `after ${call} ${path}`, dies.power);
    });
  });
}
