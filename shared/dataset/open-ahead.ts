import { orAbort } from "../core/abort.ts";
import { type FetchReader, type FetchShare, UNCOUNTED } from "./fetch-budget.ts";

interface OpenAhead<Part, Opened> {
  /** Estimates the bytes that a part fetches. */
  readonly bytesOf: (part: Part) => number;
  /** Fetches a part, and starts to decode it. */
  readonly open: (part: Part) => Promise<Opened>;
  /** Releases a part after its use, or when it is no longer needed. Default: does nothing. */
  readonly close?: (opened: Opened) => Promise<void>;
  /** True when a part may be opened before the previous one was used. Default: true. */
  readonly isAhead?: boolean;
  /** Budget of bytes. Default: no limit. */
  readonly budget?: FetchReader | undefined;
  readonly signal: AbortSignal;
}

/** Part whose bytes have been requested. */
interface Begun<Opened> {
  readonly share: FetchShare;
  readonly opened: Promise<Opened>;
}

/** Yields the parts in order. Opens the next part while the caller uses one, if the budget allows it. */
export async function* openAhead<Part, Opened>(
  parts: readonly Part[],
  { bytesOf, open, close, isAhead = true, budget = UNCOUNTED, signal }: OpenAhead<Part, Opened>,
): AsyncGenerator<Opened, void, undefined> {
  const begin = (part: Part): Begun<Opened> => {
    const share = budget.ask(bytesOf(part));
    const granted = orAbort(share.granted, signal);
    const opened = granted.then(() => open(part));
    // The failure is reported at the part's turn, or never when the reader stops early.
    opened.catch(() => {});
    return { share, opened };
  };
  const leave = async ({ share, opened }: Begun<Opened>): Promise<void> => {
    share[Symbol.dispose]();
    const left = await opened.catch(() => null);
    if (left !== null) await close?.(left);
  };
  const begun: Begun<Opened>[] = [];
  try {
    for (const [index, part] of parts.entries()) {
      const current = begun[0] ?? begin(part);
      begun[0] = current;
      const opened = await current.opened;
      const following = isAhead ? parts[index + 1] : undefined;
      if (following !== undefined) begun.push(begin(following));
      yield opened;
      begun.shift();
      await leave(current);
    }
  } finally {
    for (const left of begun) await leave(left);
  }
}
