import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CliResult, runCli } from "../../test/support/processes.ts";
import { typesWithin } from "./column-type.ts";
import type { Hand } from "./hand.ts";
import { jobFileOf, modelOfCase } from "./job-of-case.ts";
import { mayBeRefused, rowsOf, type TortureCase } from "./torture-case.ts";

/**
 * Outcome of a case. `right`: published, and every value is right. `refused`: before any work, for a type
 * that may be refused. `skipped`: the hand cannot make such files.
 */
export type CaseEnd =
  | { readonly kind: "right"; readonly rows: number }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "skipped"; readonly why: string }
  | { readonly kind: "wrong"; readonly problems: readonly string[] };

/** Limit of a case. No case is large, so a longer one hangs. */
const CASE_LIMIT_MS = 240_000;

/**
 * Makes the case's files, runs the job as a user would, and has the output judged. Removes all files, or
 * keeps all in `keepIn`.
 */
export async function tryCase(torture: TortureCase, hand: Hand, keepIn?: string): Promise<CaseEnd> {
  const room = keepIn ?? (await mkdtemp(join(tmpdir(), "shardmill-torture-")));
  const folder = join(room, torture.folder);
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(join(folder, "data"), { recursive: true });
    const why = await hand.make(torture, folder);
    if (why !== null) return { kind: "skipped", why };
    await writeFile(join(folder, "model.onnx"), modelOfCase(torture));
    await writeFile(join(folder, "job.yaml"), jobFileOf(torture));
    const workers = String(torture.workers);
    const options = { cwd: folder, limitMs: CASE_LIMIT_MS };
    const result = await runCli(["run", "job.yaml", "--workers", workers, "--json"], options);
    return await endOf(torture, hand, folder, result);
  } finally {
    if (keepIn === undefined) await rm(room, { recursive: true, force: true });
  }
}

async function endOf(
  torture: TortureCase,
  hand: Hand,
  folder: string,
  { code, signal, stderr, stdout }: CliResult,
): Promise<CaseEnd> {
  if (code === 0 || code === 3) {
    const problems = await hand.judge(torture, folder);
    if (problems.length > 0) return { kind: "wrong", problems };
    return { kind: "right", rows: rowsOf(torture) };
  }
  const errorCode = /\(([A-Z_]+)\)/.exec(stderr)?.[1];
  const refused = code === 2 && errorCode !== undefined && isRefusalOfType(torture, stderr);
  if (refused) return { kind: "refused", code: errorCode };
  const how = code === null ? `ended by ${signal}` : `exit ${code}`;
  return { kind: "wrong", problems: [`${how}: ${said(stderr)} ${tail(stdout)}`] };
}

/** Returns true when the error names a column whose type may be refused. */
function isRefusalOfType({ kept }: TortureCase, stderr: string): boolean {
  return kept.some(({ name, type }) => stderr.includes(name) && typesWithin(type).some(mayBeRefused));
}

/** Returns the error message without the log before it. */
function said(stderr: string): string {
  const start = stderr.lastIndexOf("\nerror: ");
  return tail(start < 0 ? stderr : stderr.slice(start));
}

function tail(text: string): string {
  return text.trim().split("\n").slice(-12).join("\n    ");
}
