import { Worker } from "node:worker_threads";
import { deferred } from "../../../shared/core/abort.ts";
import { type ErrorData, errorFromData, messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import type { OutputFile } from "../../../shared/domain/manifest.ts";
import type { ShapeJob } from "./shape-rows.ts";

/** Messages of a thread that shapes rows: how many are written, and the answer with which it ends. */
export type ShapeMessage = { readonly kind: "written"; readonly rows: number } | ShapeAnswer;

export type ShapeAnswer =
  | { readonly kind: "shaped"; readonly files: readonly OutputFile[] }
  | { readonly kind: "failed"; readonly error: ErrorData };

/** Runs `shapeRows` in a thread of its own: the one that serves workers encodes nothing. */
export async function shapeRowsApart(
  job: ShapeJob,
  signal: AbortSignal,
  onWritten: (rows: number) => void,
): Promise<readonly OutputFile[]> {
  signal.throwIfAborted();
  const thread = new Worker(compiledUrl("coordinator/publish/shape/shape-thread.ts"), { workerData: job });
  const answered = deferred<ShapeAnswer>();
  const lost = (what: string, cause?: unknown) =>
    answered.reject(
      new ShardmillError("OUTPUT_FAILED", `the thread that shapes the rows was lost: ${what}`, { cause }),
    );
  thread.on("message", (message: ShapeMessage) => {
    if (message.kind === "written") onWritten(message.rows);
    else answered.resolve(message);
  });
  thread.on("error", (error) => lost(messageOf(error), error));
  thread.on("exit", (code) => lost(`exit code ${code}`));
  // It ends by itself, after the file that it is at is closed.
  const stop = () => thread.postMessage("stop");
  signal.addEventListener("abort", stop, { once: true });
  try {
    const answer = await answered.promise;
    signal.throwIfAborted();
    if (answer.kind === "failed") throw errorFromData(answer.error);
    return answer.files;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
