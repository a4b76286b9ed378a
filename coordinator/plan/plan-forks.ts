import type { ForkPlan } from "../../shared/core/fork-script.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { decoderMemoryArgument } from "../../shared/dataset/parquet-memory.ts";
import { isolatedFork } from "../../shared/onnx/isolated.ts";

/**
 * What reads footers, walks a model for its other files, and loads it for its signature: each in a process of
 * its own.
 */
export const FOOTER_SCRIPT: URL = compiledUrl("coordinator/plan/footer-process.ts");
export const MODEL_DATA_SCRIPT: URL = compiledUrl("coordinator/plan/model-data-process.ts");
export const INSPECT_SCRIPT: URL = compiledUrl("coordinator/plan/inspect-model-process.ts");

/** For one footer process. The largest footer that is read (256 MiB) takes about a gigabyte once parsed. */
export const FOOTER_MEMORY_BYTES = 2 * 2 ** 30;

/**
 * What the decoder's own memory may grow to, below the process's limit: then a trap still names the place in
 * the file.
 */
const DECODER_SHARE = 0.75;

/** How a process that reads footers is started. */
export function footerFork(script: URL, memoryLimitBytes: number): ForkPlan {
  return {
    script,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    // Flags meant for this process (a test runner's loader, an inspector's port) are not the child's.
    execArgv: [decoderMemoryArgument(memoryLimitBytes * DECODER_SHARE)],
  };
}

/** The processes that planning a job starts with. */
export function planForks(): ForkPlan[] {
  return [
    footerFork(FOOTER_SCRIPT, FOOTER_MEMORY_BYTES),
    isolatedFork({ script: MODEL_DATA_SCRIPT }),
    isolatedFork({ script: INSPECT_SCRIPT }),
  ];
}
