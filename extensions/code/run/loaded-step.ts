import type { NamedType } from "../../../shared/values/value-type.ts";
import { TypeFault } from "./column-types.ts";
import { exportedKeys, functionAt, numberAt, typesAt, type UserFunction } from "./exported-keys.ts";

/** What a step declares: plain JSON. */
export interface StepDeclaration {
  readonly kind: "row" | "batch";
  readonly reads: readonly NamedType[];
  readonly columns: readonly NamedType[];
  readonly timeoutSeconds: number;
  /** Rows at work at once. */
  readonly concurrency: number;
}

/** A step as its file exports it, checked. */
export interface LoadedStep {
  readonly declaration: StepDeclaration;
  readonly run: UserFunction;
  readonly open: UserFunction | null;
  readonly close: UserFunction | null;
}

/** A call to a service that has not answered by then will not. */
const DEFAULT_TIMEOUT_SECONDS = 60;
const MAX_TIMEOUT_SECONDS = 86_400;
/** Above this it is the service that bounds, or memory. */
const MAX_CONCURRENCY = 10_000;

const KEYS = ["reads", "columns", "open", "close", "timeoutSeconds", "concurrency", "row", "batch"];

/**
 * @param exported the default export of a module
 * @throws {TypeFault} what is wrong with it
 */
export function checkStep(exported: unknown): LoadedStep {
  const value = exportedKeys(exported, { name: "step", maker: "defineStep", keys: KEYS });
  const run = functionAt(value, "row") ?? functionAt(value, "batch");
  if (run === null || (value.row !== undefined && value.batch !== undefined))
    throw new TypeFault("a step has either `row` or `batch`");
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
  if (!Number.isInteger(concurrency)) throw new TypeFault("`concurrency` is a whole number");
  if (kind === "batch" && value.concurrency !== undefined)
    throw new TypeFault("`concurrency` goes with `row`: a step with `batch` gets one record batch at a time");
  return concurrency;
}
