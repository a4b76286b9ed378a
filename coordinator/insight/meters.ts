import { DurationHistogram } from "../../shared/metrics/histogram.ts";
import { CallRates } from "../access/call-rates.ts";

/** How long a coordinator takes for what its workers wait for, over all of its jobs. */
export class Meters {
  /** How fast each peer calls, by gRPC and by HTTP. */
  readonly calls = new CallRates(() => performance.now());
  /** From a record handed to the journal until it is on disk. */
  readonly journalAppend = new DurationHistogram();
  /**
   * From when a worker asked for a shard, or was woken for one, to its lease. That it waited while there was
   * none is not in it.
   */
  readonly leaseGrant = new DurationHistogram();
  /** From a partial that is offered to the look at its files that ends with a verdict. */
  readonly partialCheck = new DurationHistogram();
}
