import { NEVER } from "../../shared/core/abort.ts";
import { Transferred } from "../../shared/core/remote/peer.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import {
  buffersOfTables,
  type PackedTable,
  packBatch,
  unpackBatch,
} from "../../shared/dataset/packed-table.ts";
import { checkReduction, type ReductionHalf } from "./run/loaded-reduction.ts";
import { runReduction } from "./run/run-reduction.ts";
import type { ReductionMethods, ReductionOwner } from "./threads/reduction-thread-client.ts";
import { UserThreadHost } from "./user-thread-host.ts";

/** Script of a thread that runs a user's own code as a reduction. `ReductionThread` starts it. */

const host = new UserThreadHost();
const { where } = host;
const loading = host.load(checkReduction);
loading.catch(() => {});

const owner = serveOwner<ReductionMethods, ReductionOwner>({
  load: async () => (await loading).declaration,
  run,
});

async function run(half: ReductionHalf): Promise<Transferred<PackedTable>> {
  const made = await runReduction({
    reduction: await loading,
    half,
    where: `${where}.${half}`,
    async next() {
      host.tick();
      const batch = await owner.call("next", null, { signal: NEVER });
      return batch === null ? null : unpackBatch(batch);
    },
  });
  const table = packBatch(made);
  return new Transferred(table, buffersOfTables(table));
}
