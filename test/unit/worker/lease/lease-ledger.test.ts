import { describe, expect, test } from "vitest";
import { LeaseLedger } from "../../../../worker/lease/lease-ledger.ts";
import { aLease } from "../../../support/builders.ts";
import { aJobId } from "../../../support/ids.ts";

describe("the lease ledger", () => {
  test("a lease becomes doubtful when a sixth of its time is left", () => {
    const ledger = new LeaseLedger();
    const lease = aLease({ leaseMs: 30_000 });
    ledger.add(lease, 1_000);
    expect(ledger.doubtful(25_999)).toEqual([]);
    expect(ledger.doubtful(26_000).map((held) => held.lease)).toEqual([lease]);
  });

  test("a confirmed lease counts from when the heartbeat was sent, not from when its response arrived", () => {
    const ledger = new LeaseLedger();
    const lease = aLease({ leaseMs: 30_000 });
    ledger.add(lease, 0);
    ledger.confirmed(lease, 10_000);
    expect(ledger.doubtful(34_999)).toEqual([]);
    expect(ledger.doubtful(35_000)).toHaveLength(1);
  });

  test("a late response to an older heartbeat does not undo a newer confirmation", () => {
    const ledger = new LeaseLedger();
    const lease = aLease({ leaseMs: 30_000 });
    ledger.add(lease, 0);
    ledger.confirmed(lease, 20_000);
    ledger.confirmed(lease, 10_000);
    expect(ledger.doubtful(44_999)).toEqual([]);
  });

  test("progress never decreases, and reports on unknown leases change nothing", () => {
    const ledger = new LeaseLedger();
    const lease = aLease();
    ledger.add(lease, 0);
    ledger.progress(lease, 50);
    ledger.progress(lease, 40);
    ledger.progress({ jobId: lease.jobId, token: { generation: 9, sequence: 9 } }, 10);
    ledger.confirmed({ jobId: lease.jobId, token: { generation: 9, sequence: 9 } }, 10);
    expect(ledger.held().map((held) => held.rowsDone)).toEqual([50]);
  });

  test("a removed lease is neither held nor doubtful", () => {
    const ledger = new LeaseLedger();
    const lease = aLease();
    ledger.add(lease, 0);
    ledger.remove(lease);
    expect(ledger.size).toBe(0);
    expect(ledger.doubtful(1e9)).toEqual([]);
  });

  test("a token that is granted twice for one job throws an error", () => {
    const ledger = new LeaseLedger();
    ledger.add(aLease(), 0);
    expect(() => ledger.add(aLease(), 0)).toThrow(/granted twice/);
    ledger.add({ ...aLease(), jobId: aJobId("another") }, 0);
    expect(ledger.size).toBe(2);
  });
});
