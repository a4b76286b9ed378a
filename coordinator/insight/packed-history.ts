import { deflateSync, inflateSync } from "node:zlib";
import * as z from "zod";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import { RUN_HISTORY_SCHEMA } from "../../shared/domain/run-history.ts";
import type { EarlierRun } from "./recall-run.ts";

/** Limit of an unpacked history. Real ones are smaller, and a damaged one must not grow larger. */
const MOST_BYTES = 8 << 20;

const rememberedSchema = z.object({
  startedWallMs: z.number(),
  history: RUN_HISTORY_SCHEMA.omit({ deadLetters: true }),
  open: z.array(
    z.object({
      key: z.string(),
      worker: z.string(),
      line: z.int().nonnegative(),
      shard: z.int().nonnegative(),
      backup: z.boolean(),
      from: z.number(),
      handedIn: z.number().nullable(),
    }),
  ),
});

/** Parses the history in a journal snapshot. Null: it is missing, or of a format unknown to this version. */
export function readRemembered(run: unknown): EarlierRun["remembered"] {
  return rememberedSchema.safeParse(run).data ?? null;
}

/** Compresses a history, with a checksum. The coordinator keeps one for each of a thousand ended jobs. */
export function packHistory(history: RunHistory): Uint8Array {
  // Copied, because zlib returns a view of 16 KiB that would stay in memory.
  return Uint8Array.from(deflateSync(JSON.stringify(history)));
}

/** Null for a damaged history, or one of another version. */
export function unpackHistory(packed: Uint8Array): RunHistory | null {
  try {
    const text = inflateSync(packed, { maxOutputLength: MOST_BYTES }).toString("utf8");
    return RUN_HISTORY_SCHEMA.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
