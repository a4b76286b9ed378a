import { describe, expect, test } from "vitest";
import { LeaseBook } from "../../../../worker/lease/lease-book.ts";
import { aLease } from "../../../support/builders.ts";

describe("the lease book", () => {
  test("a lease is doubtful a sixth of its time before the coordinator could give it away", () => {
    const book = new LeaseBook();
    const lease = aLease({ leaseMs: 30_000 });
    book.add(lease, 1_000);
    expect(book.doubtful(25_999)).toEqual([]);
    expect(book.doubtful(26_000).map((held) => held.lease)).toEqual([lease]);
  });

  test("a confirmed lease counts from when the heartbeat went out, not from when its answer came", () => {
    const book = new LeaseBook();
    const lease = aLease({ leaseMs: 30_000 });
    book.add(lease, 0);
    book.confirmed(lease, 10_000);
    expect(book.doubtful(34_999)).toEqual([]);
    expect(book.doubtful(35_000)).toHaveLength(1);
  });

  test("a late answer to an older heartbeat does not take back a newer confirmation", () => {
    const book = new LeaseBook();
    const lease = aLease({ leaseMs: 30_000 });
    book.add(lease, 0);
    book.confirmed(lease, 20_000);
    book.confirmed(lease, 10_000);
    expect(book.doubtful(44_999)).toEqual([]);
  });

  test("progress never goes back, and news of unknown leases change nothing", () => {
    const book = new LeaseBook();
    const lease = aLease();
    book.add(lease, 0);
    book.progress(lease, 50);
    book.progress(lease, 40);
    book.progress({ jobId: lease.jobId, token: { generation: 9, sequence: 9 } }, 10);
    book.confirmed({ jobId: lease.jobId, token: { generation: 9, sequence: 9 } }, 10);
    expect(book.held().map((held) => held.rowsDone)).toEqual([50]);
  });

  test("a removed lease is neither held nor doubtful", () => {
    const book = new LeaseBook();
    const lease = aLease();
    book.add(lease, 0);
    book.remove(lease);
    expect(book.size).toBe(0);
    expect(book.doubtful(1e9)).toEqual([]);
  });

  test("a token granted twice breaks an invariant", () => {
    const book = new LeaseBook();
    book.add(aLease(), 0);
    expect(() => book.add(aLease(), 0)).toThrow(/granted twice/);
    book.add({ ...aLease(), jobId: "another" }, 0);
    expect(book.size).toBe(2);
  });
});
