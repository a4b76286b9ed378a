import type { Peer } from "../core/remote/peer.ts";
import type { StoreCounts } from "../domain/store-counts.ts";
import { processTally, takeCounts } from "./store-tally.ts";

/** Interval of reports. A process that is killed loses the counts since its last report. */
const TELL_MS = 1_000;

/** Methods of the owner of a process that uses stores. */
export interface CountsOwner {
  addCounts(counts: readonly StoreCounts[]): void;
}

/** Adds the store counts of a process to this one's. For `Remote`. */
export const COUNTS_OWNER: CountsOwner = { addCounts: (counts) => processTally.add(counts) };

/**
 * Reports the store counts of this process to its owner each second.
 *
 * @returns a function that reports them now, before a reply
 */
export function reportCounts(owner: Peer<CountsOwner>): () => void {
  const report = () => {
    const counts = takeCounts();
    if (counts.length > 0) owner.notify("addCounts", counts);
  };
  setInterval(report, TELL_MS).unref();
  return report;
}
