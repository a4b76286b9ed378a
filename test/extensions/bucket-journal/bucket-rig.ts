import { BucketHold } from "../../../extensions/bucket-journal/bucket-hold.ts";
import { bucketJournals } from "../../../extensions/bucket-journal/bucket-journals.ts";
import { below } from "../../../shared/domain/location.ts";
import { type Machine, OWN, RUN, RUN_FILE, SharedRig } from "../../contract/shared-rig.ts";

export const JOURNAL = below(OWN, "journal");
export const SNAPSHOTS = below(OWN, "snapshots");

export function makeRig(): Promise<SharedRig> {
  return SharedRig.make(bucketJournals);
}

/** Begins a hold of which other processes see only the beats. */
export function beginHold(rig: SharedRig, machine: Machine, nonce: string): Promise<BucketHold> {
  const own = () => ({ host: "b", bootId: null, pidNamespace: "2", pid: 8, startTicks: null });
  return BucketHold.begin({
    own: OWN,
    run: RUN,
    runFile: RUN_FILE,
    storage: rig.storage,
    processes: { own, processState: () => "unknown" },
    clock: machine.clock,
    nonce,
  });
}
