import { digestFile } from "../../shared/core/digest.ts";
import { type ErrorData, errorFromData, ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { OutputFile } from "../../shared/domain/manifest.ts";
import type { ReductionBinding } from "../../shared/domain/reduction-binding.ts";
import type { ReductionSource } from "../../shared/extension/reduction-part.ts";
import { runIsolated } from "../../shared/onnx/isolated.ts";
import { defaultMemoryBytes } from "../../shared/sql/locking.ts";
import { makeFile } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
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
  /** Path of the file in the output folder. */
  readonly path: string;
  /** Key of the extension part that runs the program. */
  readonly key: string;
  readonly scanned: readonly ScanFile[];
  readonly paths: Pick<WorkPaths, "stage" | "temp">;
  readonly storage: Storage;
  readonly signal: AbortSignal;
  readonly memoryLimitBytes?: number;
}

/**
 * Runs the `final` of a program reduction over its combined tables, and stages the result. The program runs
 * in a process of its own with a memory limit. A cancelled job kills the process.
 *
 * @throws {STEP_INVALID} {STEP_FAILED} with the place in the user's file
 * @throws the signal's reason once it aborts
 */
export async function reduceByProgram(
  { file, where }: ReductionBinding,
  { path, key, scanned, paths, storage, signal, memoryLimitBytes = defaultMemoryBytes() }: ProgramOptions,
): Promise<OutputFile> {
  const target: Location = below(paths.stage, path);
  return await makeFile(target, { storage, scratch: paths.temp, signal }, async (localPath) => {
    const question: FinalQuestion = {
      key,
      source: { file, where },
      files: scanned.map(({ path, bytes }) => ({ path, bytes })),
      target: localPath,
    };
    const result = await runIsolated({
      script: compiledUrl("coordinator/reduce/final-process.ts"),
      argument: question,
      limitMs: LIMIT_MS,
      memoryLimitBytes: memoryLimitBytes + BASE_BYTES,
      signal,
    });
    if (result.kind !== "answered") throw broke(`${where}.final`, result);
    const answer = result.value as FinalAnswer;
    if (answer.kind === "failed") throw errorFromData(answer.error);
    return { path, kind: "reduced", rows: answer.rows, ...(await digestFile(localPath, signal)) };
  });
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
