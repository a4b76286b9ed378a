import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { isShardmillError, messageOf } from "../../shared/core/errors.ts";
import type { FileKind, Outcome, Trial } from "./kinds.ts";
import { InputTrials } from "./try-input.ts";
import { tryJobFile } from "./try-job-file.ts";
import { tryJournal } from "./try-journal.ts";
import { tryModel } from "./try-model.ts";
import { PartialTrials } from "./try-partial.ts";

/**
 * A process that tries hostile files with the product's code, so that another process can observe their
 * effects. Its argument is a folder of its own.
 */
const folder = process.argv[2] ?? "";
mkdirSync(join(folder, "partials"), { recursive: true });
const inputs = new InputTrials(folder);
const partials = new PartialTrials(folder);

process.send?.("ready");
process.once("disconnect", () => process.exit(1));
process.on("message", async (trial: Trial & { readonly kind: FileKind }) => {
  process.send?.(await judged(() => attempt(trial)));
});

function attempt(trial: Trial & { readonly kind: FileKind }): Promise<string> {
  const { kind } = trial;
  switch (kind) {
    case "parquet":
    case "arrow":
      return inputs.attempt({ ...trial, kind });
    case "onnx":
      return tryModel(folder, { ...trial, kind });
    case "jobFile":
      return tryJobFile(folder, { ...trial, kind });
    case "journal":
      return tryJournal(folder, trial);
    case "partial":
      return partials.attempt(trial);
  }
}

async function judged(task: () => Promise<string>): Promise<Outcome> {
  try {
    return { what: await task(), how: "accepted", broken: null };
  } catch (error) {
    if (isShardmillError(error) && error.code !== "INTERNAL") {
      return { what: error.message, how: error.code, broken: null };
    }
    const stack = error instanceof Error ? error.stack : undefined;
    return { what: messageOf(error), how: "untyped", broken: stack ?? messageOf(error) };
  }
}
