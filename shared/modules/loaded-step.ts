import { type NamedType, parseColumnTypes, TypeFault } from "./value-type.ts";

/** What a step declares: plain JSON. */
export interface StepDeclaration {
  readonly kind: "row" | "batch";
  readonly reads: readonly NamedType[];
  readonly columns: readonly NamedType[];
  readonly timeoutSeconds: number;
  /** Rows at work at once. */
  readonly concurrency: number;
}

type StepFunction = (...given: readonly unknown[]) => unknown;

/** A step as its file exports it, checked. */
export interface LoadedStep {
  readonly declaration: StepDeclaration;
  readonly run: StepFunction;
  readonly open: StepFunction | null;
  readonly close: StepFunction | null;
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
  if (typeof exported !== "object" || exported === null)
    throw new TypeFault("has no default export that is a step: write `export default defineStep({ ... })`");
  const value = { ...exported } as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw new TypeFault(`\`${unknown}\` is no key of a step: ${KEYS.join(", ")}`);
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

function typesAt(value: Readonly<Record<string, unknown>>, key: "reads" | "columns"): readonly NamedType[] {
  if (value[key] === undefined)
    throw new TypeFault(
      `\`${key}\` is missing: columns with their types, as in \`${key}: { text: "string" }\``,
    );
  try {
    return parseColumnTypes(value[key]);
  } catch (error) {
    throw error instanceof TypeFault ? new TypeFault(`${key}: ${error.message}`) : error;
  }
}

function concurrencyOf(value: Readonly<Record<string, unknown>>, kind: "row" | "batch"): number {
  const concurrency = numberAt(value, "concurrency", MAX_CONCURRENCY) ?? 1;
  if (!Number.isInteger(concurrency)) throw new TypeFault("`concurrency` is a whole number");
  if (kind === "batch" && value.concurrency !== undefined)
    throw new TypeFault("`concurrency` goes with `row`: a step with `batch` gets one record batch at a time");
  return concurrency;
}

function numberAt(value: Readonly<Record<string, unknown>>, key: string, most: number): number | null {
  const found = value[key];
  if (found === undefined) return null;
  if (typeof found === "number" && found > 0 && found <= most) return found;
  throw new TypeFault(`\`${key}\`: expected a number above 0, ${most} at most, found ${String(found)}`);
}

function functionAt(value: Readonly<Record<string, unknown>>, key: string): StepFunction | null {
  const found = value[key];
  if (found === undefined) return null;
  if (typeof found !== "function")
    throw new TypeFault(`\`${key}\`: expected a function, found ${String(found)}`);
  // It may speak of its own object as `this`.
  return (...given) => Reflect.apply(found, value, given);
}
