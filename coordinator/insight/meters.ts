import { DurationHistogram } from "../../shared/metrics/histogram.ts";
import { CallRates } from "../access/call-rates.ts";

/** Durations of what workers wait for at a coordinator, over all of its jobs. */
export class Meters {
  /** Call rate of each peer, by gRPC and by HTTP. */
  readonly calls = new CallRates(() => performance.now());
  /** Time from passing a record to the journal until it is on disk. */
  readonly journalAppend = new DurationHistogram();
  /**
   * Time from a worker's shard request, or from its wake-up, to the lease. Waiting while no shard is
   * available is excluded.
   */
  readonly leaseGrant = new DurationHistogram();
  /** Time from the offer of a partial to the verdict on its files. */
  readonly partialCheck = new DurationHistogram();
}
