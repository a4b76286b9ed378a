import type { RecordBatch } from "apache-arrow";
import { type Deferred, deferred } from "../core/abort.ts";
import { assertNever } from "../core/assert.ts";
import { errorToData } from "../core/errors.ts";
import { buffersOfTables, packBatch, unpackBatch } from "../dataset/packed-table.ts";
import { checkReduction, type ReductionHalf } from "./loaded-reduction.ts";
import type { ReductionCommand, ReductionEvent } from "./reduction-protocol.ts";
import { runReduction } from "./run-reduction.ts";
import { UserThreadHost } from "./user-thread-host.ts";

/** A thread that runs a user's own code as a reduction. Started by `ReductionThread`. */

const host = new UserThreadHost();
const { port, where } = host;
const loading = host.load(checkReduction);
loading.then(
  ({ declaration }) => post({ kind: "loaded", declaration }),
  (error: unknown) => post({ kind: "broken", error: errorToData(error) }),
);
let asked: Deferred<RecordBatch | null> | null = null;

port.on("message", (command: ReductionCommand) => {
  switch (command.kind) {
    case "run":
      void answer(command.half);
      return;
    case "batch":
      asked?.resolve(command.batch === null ? null : unpackBatch(command.batch));
      asked = null;
      return;
    case "end":
      port.close();
      return;
    default:
      assertNever(command);
  }
});

function post(event: ReductionEvent, transfer: ArrayBuffer[] = []): void {
  port.postMessage(event, transfer);
}

async function answer(half: ReductionHalf): Promise<void> {
  try {
    const made = await runReduction({
      reduction: await loading,
      half,
      where: `${where}.${half}`,
      next() {
        host.tick();
        asked = deferred();
        post({ kind: "more" });
        return asked.promise;
      },
    });
    const table = packBatch(made);
    post({ kind: "done", table }, buffersOfTables(table));
  } catch (error) {
    post({ kind: "failed", error: errorToData(error) });
  }
}
