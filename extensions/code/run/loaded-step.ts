import type { NamedType } from "../../../shared/values/value-type.ts";
import { TypeFault } from "./column-types.ts";
import { exportedKeys, functionAt, numberAt, typesAt, type UserFunction } from "./exported-keys.ts";

/** Declaration of a step. Plain JSON. */
export interface StepDeclaration {
  readonly kind: "row" | "batch";
  readonly reads: readonly NamedType[];
  readonly columns: readonly NamedType[];
  readonly timeoutSeconds: number;
  /** Limit of rows in work concurrently. */
  readonly concurrency: number;
}

/** Checked step from a user's file. */
export interface LoadedStep {
  readonly declaration: StepDeclaration;
  readonly run: UserFunction;
  readonly open: UserFunction | null;
  readonly close: UserFunction | null;
}

/** Default limit. A service that has not responded by then rarely does. */
const DEFAULT_TIMEOUT_SECONDS = 60;
const MAX_TIMEOUT_SECONDS = 86_400;
/** Limit of `concurrency`. Above this, the service or memory is the bottleneck. */
const MAX_CONCURRENCY = 10_000;

const KEYS = ["reads", "columns", "open", "close", "timeoutSeconds", "concurrency", "row", "batch"];

/**
 * Checks that a default export is a step.
 *
 * @param exported the default export of a module
 * @throws {TypeFault} naming what is wrong
 */
export function checkStep(exported: unknown): LoadedStep {
  const value = exportedKeys(exported, { name: "step", maker: "defineStep", keys: KEYS });
  const run = functionAt(value, "row") ?? functionAt(value, "batch");
  if (run === null || (value.row !== undefined && value.batch !== undefined))
    throw new TypeFault("a step needs either `row` or `batch`");
  const kind = value.row === undefined ? "batch" : "row";
  const declaration: StepDeclaration = {
    kind,
    reads: typesAt(value, "reads"),
    columns: typesAt(value, "columns"),
    timeoutSeconds: numberAt(value, "timeoutSeconds", MAX_TIMEOUT_SECONDS) ?? DEFAULT_TIMEOUT_SECONDS,
    concurrency: concurrencyOf(value, kind),
  };
  return { declaration, run, open: functionAt(value, "open"), close: functionAt(value, "close") };
}

function concurrencyOf(value: Readonly<Record<string, unknown>>, kind: "row" | "batch"): number {
  const concurrency = numberAt(value, "concurrency", MAX_CONCURRENCY) ?? 1;
  if (!Number.isInteger(concurrency)) throw new TypeFault("`concurrency` must be a whole number");
  if (kind === "batch" && value.concurrency !== undefined)
    throw new TypeFault("`concurrency` needs `row`: a step with `batch` gets one record batch at a time");
  return concurrency;
}
