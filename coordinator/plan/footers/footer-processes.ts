import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import { SpareProcess } from "../../../shared/core/spare-process.ts";
import { decoderMemoryArgument } from "../../../shared/dataset/parquet-memory.ts";

/** For one process. The largest footer that is read (256 MiB) takes about a gigabyte once parsed. */
export const FOOTER_MEMORY_BYTES = 2 * 2 ** 30;

/**
 * What the decoder's own memory may grow to, below the process's limit: then a trap still names the place in
 * the file.
 */
const DECODER_SHARE = 0.75;

const SCRIPT = compiledUrl("coordinator/plan/footers/footer-process.ts");

/** Processes that read footers, with the usual limit of memory. */
export const FOOTER_PROCESSES = new SpareProcess(() => forkFooterProcess(FOOTER_MEMORY_BYTES, SCRIPT));

/**
 * A process that reads footers, in so much memory. Its owner is the caller.
 *
 * @param script another one than the usual, for tests
 */
export function footerProcess(memoryLimitBytes: number, script = SCRIPT): ChildProcess {
  const isUsual = script === SCRIPT && memoryLimitBytes === FOOTER_MEMORY_BYTES;
  return isUsual ? FOOTER_PROCESSES.take() : forkFooterProcess(memoryLimitBytes, script);
}

function forkFooterProcess(memoryLimitBytes: number, script: URL): ChildProcess {
  return fork(fileURLToPath(script), [], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    // Flags meant for this process (a test runner's loader, an inspector's port) are not the child's.
    execArgv: [decoderMemoryArgument(memoryLimitBytes * DECODER_SHARE)],
  });
}
