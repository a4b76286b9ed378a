import type { Hand } from "./hand.ts";
import type { TortureCase } from "./torture-case.ts";
import { type CaseEnd, tryCase } from "./try-case.ts";

/** Limit of attempts at a smaller case: each is a whole job. */
const MOST_TRIES = 40;

/**
 * Finds a smaller case that is also wrong. It reduces kept columns and files and simplifies settings, one
 * after another, as long as the case stays wrong. The error may change meanwhile.
 */
export async function shrinkCase(
  torture: TortureCase,
  hand: Hand,
): Promise<{ smallest: TortureCase; end: CaseEnd | null }> {
  let smallest = torture;
  let end: CaseEnd | null = null;
  let tries = 0;
  for (let progress = true; progress && tries < MOST_TRIES; ) {
    progress = false;
    for (const smaller of smallerCases(smallest)) {
      tries += 1;
      if (tries > MOST_TRIES) break;
      const tried = await tryCase(smaller, hand).catch(() => null);
      if (tried?.kind !== "wrong") continue;
      smallest = smaller;
      end = tried;
      progress = true;
      break;
    }
  }
  return { smallest, end };
}

function* smallerCases(torture: TortureCase): Generator<TortureCase> {
  const { kept, files } = torture;
  if (kept.length > 3) {
    const half = kept.length >> 1;
    yield { ...torture, kept: kept.slice(0, half) };
    yield { ...torture, kept: kept.slice(half) };
  } else {
    for (const column of kept) yield { ...torture, kept: kept.filter((other) => other !== column) };
  }
  if (files.length > 1) yield { ...torture, files: files.slice(0, files.length >> 1) };
  if (files.length > 1) yield { ...torture, files: files.slice(files.length >> 1) };
  if (torture.reduce) yield { ...torture, reduce: false };
  if (torture.folder !== "job") yield { ...torture, folder: "job" };
  if (torture.shardRows !== "auto") yield { ...torture, shardRows: "auto" };
  if (torture.batchRows !== "auto") yield { ...torture, batchRows: "auto" };
  if (torture.x.nulls > 0) yield { ...torture, x: { ...torture.x, nulls: 0 } };
}
