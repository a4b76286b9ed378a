import { NEVER } from "../../core/abort.ts";
import { compiledUrl } from "../../core/package-root.ts";
import { runIsolated } from "../isolated.ts";

/** Limit of the check, which takes a fifth of a second on an idle machine. */
const LIMIT_MS = 30_000;

/** Result of the check. Null until the first call. */
let checked: Promise<string | null> | null = null;

/**
 * Checks once that sessions can be shared on this machine. A process of its own calls the C API, because a
 * wrong function would end the process.
 *
 * @returns the reason why not, in a few words, or null
 */
export function checkSharedSession(): Promise<string | null> {
  checked ??= check(compiledUrl("shared/onnx/shared-session/check-process.ts"));
  return checked;
}

/** @param script process that answers with a reason, or null. Tests have one that crashes. */
export async function check(script: URL): Promise<string | null> {
  const result = await runIsolated({ script, argument: null, limitMs: LIMIT_MS, signal: NEVER });
  if (result.kind === "answered") return result.value as string | null;
  return result.kind === "crashed" ? `the check ended by ${result.how}` : "the check did not end in time";
}
