import type { DeviceProbe } from "../onnx/probe.ts";
import type { Style } from "../terminal/style.ts";
import { type AddedOptions, addedOptions } from "./added-options.ts";

/** Longer checks of a machine, which the command `probe` offers. */
export interface ProbePart {
  /** Key of the checks in the output of `probe --json`. */
  readonly key: string;
  /** Loads the code of its options and its work. */
  load(): Promise<AddedOptions<RunChecks>>;
}

/** Runs the checks. Returns early after a signal, when no process or file of them is left. */
type RunChecks = (machine: ProbedMachine) => Promise<CheckedMachine>;

export interface ProbedMachine {
  readonly devices: readonly DeviceProbe[];
  /** Script of the command line, by which checks run jobs. */
  readonly main: URL;
  /** Keeps results so far, the form of `json`, in case this process crashes. */
  keep(json: object): Promise<void>;
}

export interface CheckedMachine {
  readonly json: object;
  readonly hasFailed: boolean;
  /** True when a signal stopped the checks. */
  readonly interrupted: boolean;
  /** Renders the results for people. */
  text(style: Style): string;
}

/** Defines checks whose arguments have the types of their options. */
export const defineProbeChecks = addedOptions<RunChecks>();
