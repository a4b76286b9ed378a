import { deflateSync, inflateSync } from "node:zlib";
import * as z from "zod";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import { RUN_HISTORY_SCHEMA } from "../../shared/domain/run-history.ts";
import type { EarlierRun } from "./recall-run.ts";

/** No history is as long, and nothing that was damaged may become longer. */
const MOST_BYTES = 8 << 20;

const rememberedSchema = z.object({
  startedWallMs: z.number(),
  history: RUN_HISTORY_SCHEMA.omit({ dead: true }),
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

/** As a snapshot of the journal has it; null where it has none that this version knows. */
export function readRemembered(run: unknown): EarlierRun["remembered"] {
  return rememberedSchema.safeParse(run).data ?? null;
}

/** A history in few bytes, with a checksum: of a thousand jobs that ended each has one. */
export function packHistory(history: RunHistory): Uint8Array {
  // A copy: what zlib gives is the beginning of 16 KiB, which would stay with it.
  return Uint8Array.from(deflateSync(JSON.stringify(history)));
}

/** Null for one that is damaged, or of a version that kept something else. */
export function unpackHistory(packed: Uint8Array): RunHistory | null {
  try {
    const text = inflateSync(packed, { maxOutputLength: MOST_BYTES }).toString("utf8");
    return RUN_HISTORY_SCHEMA.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
