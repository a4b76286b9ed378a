import { NEVER } from "../../core/abort.ts";
import { compiledUrl } from "../../core/package-root.ts";
import { runIsolated } from "../isolated.ts";

/** Limit of the check, which takes a fifth of a second on an idle machine. */
const LIMIT_MS = 30_000;

/** Checks of this process, by script: the machine stays the same. */
const checks = new Map<string, Promise<string | null>>();

/**
 * Checks once that threads can share a session on this machine. A process of its own calls the C API, because
 * a wrong function would end the process.
 *
 * @param script process that answers with a reason, or null. Tests have scripts that misbehave.
 * @returns the reason why not, in a few words, or null
 */
export function checkSharedSession(
  script: URL = compiledUrl("shared/onnx/shared-session/check-process.ts"),
): Promise<string | null> {
  const check = checks.get(script.href) ?? runCheck(script);
  checks.set(script.href, check);
  return check;
}

async function runCheck(script: URL): Promise<string | null> {
  const result = await runIsolated({ script, argument: null, limitMs: LIMIT_MS, signal: NEVER });
  if (result.kind === "answered") return result.value as string | null;
  return result.kind === "crashed" ? `the check ended by ${result.how}` : "the check did not end in time";
}
