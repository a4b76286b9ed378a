import { type ErrorData, errorFromData, ShardmillError } from "../core/errors.ts";
import { compiledUrl } from "../core/package-root.ts";
import { formatBytes } from "../core/units.ts";
import type { ReductionBinding } from "../domain/reduction-binding.ts";
import type { ReductionSource } from "../extension/reduction-part.ts";
import { runIsolated } from "../onnx/isolated.ts";
import { defaultMemoryBytes } from "../sql/locking.ts";
import type { ScanFile } from "./merge-small-files.ts";

/** Request to the process that reduces. */
export interface FinalQuestion {
  /** Key of the extension part. */
  readonly key: string;
  readonly source: ReductionSource;
  /** Combined tables, in plan order. */
  readonly files: readonly ScanFile[];
  /** Path of the file to make. */
  readonly target: string;
}

/** Reply of the process that reduces. */
export type FinalAnswer =
  | { readonly kind: "made"; readonly rows: number }
  | { readonly kind: "failed"; readonly error: ErrorData };

/** Time limit: the most that a timer can have. A program may take hours, and its part ends one that hangs. */
const LIMIT_MS = 2 ** 31 - 1;
/** Memory beside the user's tables: the program itself, and a record batch in several forms. */
const BASE_BYTES = 2 ** 30;

interface ProgramOptions {
  /** Key of the extension part that runs the program. */
  readonly key: string;
  readonly scanned: readonly ScanFile[];
  /** Path of the file to make. */
  readonly target: string;
  readonly signal: AbortSignal;
  readonly memoryLimitBytes?: number | undefined;
}

/**
 * Runs the `final` of a program reduction over its combined tables. Returns the rows of the file that it
 * makes. The program runs in a process of its own with a memory limit. A cancelled job kills the process.
 *
 * @throws {STEP_INVALID} {STEP_FAILED} with the place in the user's file
 * @throws the signal's reason once it aborts
 */
export async function reduceByProgram(
  { file, where }: ReductionBinding,
  { key, scanned, target, signal, memoryLimitBytes = defaultMemoryBytes() }: ProgramOptions,
): Promise<number> {
  const question: FinalQuestion = {
    key,
    source: { file, where },
    files: scanned.map(({ path, bytes }) => ({ path, bytes })),
    target,
  };
  const result = await runIsolated({
    script: compiledUrl("shared/reduce/final-process.ts"),
    argument: question,
    limitMs: LIMIT_MS,
    memoryLimitBytes: memoryLimitBytes + BASE_BYTES,
    signal,
  });
  if (result.kind !== "answered") throw broke(`${where}.final`, result);
  const answer = result.value as FinalAnswer;
  if (answer.kind === "failed") throw errorFromData(answer.error);
  return answer.rows;
}

type Broken = Exclude<Awaited<ReturnType<typeof runIsolated>>, { readonly kind: "answered" }>;

function broke(where: string, result: Broken): ShardmillError {
  return new ShardmillError("STEP_FAILED", `${where} ${howOf(result)}`, {
    fields: { where, ...(result.stderr === "" ? {} : { stderr: result.stderr }) },
  });
}

function howOf(result: Broken): string {
  switch (result.kind) {
    case "crashed":
      return `ended its process (${result.how})`;
    case "timedOut":
      return "took too long";
    case "overMemory":
      return `used ${formatBytes(result.bytes)} of memory, more than its limit`;
  }
}
