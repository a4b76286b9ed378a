import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import { SpareProcess } from "../../../shared/core/spare-process.ts";
import { decoderMemoryEnvironment } from "../../../shared/dataset/parquet-memory.ts";

/** Memory limit of a process. The largest readable footer (256 MiB) takes about a gigabyte when parsed. */
export const FOOTER_MEMORY_BYTES = 2 * 2 ** 30;

/**
 * Share of the process's memory that the decoder may use. The decoder then fails first, and its error names
 * the place in the file.
 */
const DECODER_SHARE = 0.75;

const SCRIPT = compiledUrl("coordinator/plan/footers/footer-process.ts");

/** Processes that read footers, with the default memory limit. One is kept warm. */
export const FOOTER_PROCESSES = new SpareProcess(() => forkFooterProcess(FOOTER_MEMORY_BYTES, SCRIPT));

/**
 * Returns a process that reads footers within a memory limit. The caller owns it.
 *
 * @param script other script, for tests
 */
export function footerProcess(memoryLimitBytes: number, script = SCRIPT): ChildProcess {
  const isUsual = script === SCRIPT && memoryLimitBytes === FOOTER_MEMORY_BYTES;
  return isUsual ? FOOTER_PROCESSES.take() : forkFooterProcess(memoryLimitBytes, script);
}

function forkFooterProcess(memoryLimitBytes: number, script: URL): ChildProcess {
  return fork(fileURLToPath(script), [], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    // Flags of this process, such as a test runner's loader or an inspector's port, are not the child's.
    execArgv: [],
    env: { ...process.env, ...decoderMemoryEnvironment(memoryLimitBytes * DECODER_SHARE) },
  });
}
