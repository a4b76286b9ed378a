import { orAbort } from "../core/abort.ts";
import { type FetchReader, type FetchShare, UNCOUNTED } from "./fetch-budget.ts";

interface OpenAhead<Part, Opened> {
  /** What is fetched for a part, about. */
  readonly bytesOf: (part: Part) => number;
  /** Fetches a part, and begins to decode it. */
  readonly open: (part: Part) => Promise<Opened>;
  /** When a part was used, or is not wanted any more. Left out: nothing is left of it. */
  readonly close?: (opened: Opened) => Promise<void>;
  /** Whether a part may be opened before the one in front of it was used. Left out: it may. */
  readonly isAhead?: boolean;
  /** Left out: as much as the parts have. */
  readonly budget?: FetchReader | undefined;
  readonly signal: AbortSignal;
}

/** A part that its bytes are asked for. */
interface Begun<Opened> {
  readonly share: FetchShare;
  readonly opened: Promise<Opened>;
}

/** The parts one after the other: while one is used the next is opened, as far as the budget goes. */
export async function* openAhead<Part, Opened>(
  parts: readonly Part[],
  { bytesOf, open, close, isAhead = true, budget = UNCOUNTED, signal }: OpenAhead<Part, Opened>,
): AsyncGenerator<Opened, void, undefined> {
  const begin = (part: Part): Begun<Opened> => {
    const share = budget.ask(bytesOf(part));
    const granted = orAbort(share.granted, signal);
    const opened = granted.then(() => open(part));
    // Its failure is seen when its turn comes, or not at all when the reader leaves early.
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
