import { connect } from "node:net";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { asDigest } from "../../shared/core/digest.ts";
import { errorToData, ShardmillError } from "../../shared/core/errors.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { asJobId, type JobId } from "../../shared/domain/job-id.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { NO_ROWS } from "../../shared/domain/row-counts.ts";
import { shardId } from "../../shared/domain/shard.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import type { CoordinatorClient } from "../../shared/wire/client.ts";
import { ownVersions } from "../../shared/wire/protocol.ts";
import {
  type Attack,
  type Attacker,
  aborted,
  connections,
  endlessly,
  MANY_TEXT,
  made,
  NOBODY,
  rawCall,
} from "./peer-tools.ts";
import { TOKEN_ATTACKS } from "./token-attacks.ts";

const REF = { jobId: asJobId("none"), shard: shardId(1), token: { generation: 1, sequence: 1 } };

function clients(count: number, attacker: Attacker): CoordinatorClient[] {
  return connections(count, attacker, userCredential());
}

function strangers(count: number, attacker: Attacker): CoordinatorClient[] {
  return connections(count, attacker, { path: "", secret: null });
}

let names = 0;

/** Registers a worker. By default its device does not match the job, so it receives no leases. */
async function join(client: CoordinatorClient, device: "cpu" | "cuda" = "cuda"): Promise<WorkerSession> {
  names += 1;
  const { session } = await client.work.register(
    {
      ...ownVersions(),
      name: `attacker-${process.pid}-${names}`,
      hostname: "elsewhere",
      pid: 1,
      device,
      slots: 1,
      lanes: 1,
      threadsPerLane: 1,
      onnxruntimeVersion: "",
    },
    NEVER,
  );
  return session;
}

async function takeLease(
  client: CoordinatorClient,
  attacker: Attacker,
): Promise<{ session: WorkerSession; lease: Lease }> {
  const session = await join(client, "cpu");
  const answer = await client.work.requestLease(session, 2_000, [], NEVER);
  if (answer.kind !== "lease") throw new Error("no lease to misuse");
  attacker.tookLease();
  return { session, lease: answer.lease };
}

function partialOf(lease: { jobId: JobId; shard: number }): PartialManifest {
  const file = { kind: "rows", name: "rows.parquet", rows: 1, bytes: 1, sha256: "0" } as const;
  return {
    shard: shardId(lease.shard),
    token: { generation: 1, sequence: 999_999 },
    executionId: asExecutionId("e1"),
    ...{ ...NO_ROWS, rowsIn: 1, rowsMapped: 1, rowsOut: 1 },
    firstDeadLetter: null,
    files: Array(1_000).fill(file),
    digest: asDigest("0"),
  };
}

/** Attacks by name. Each repeats calls concurrently over several connections. */
export const PEER_ATTACKS: Readonly<Record<string, Attack>> = {
  "endless heartbeats": (attacker) =>
    endlessly(
      clients(4, attacker),
      50,
      async (client) => {
        const session = await join(client);
        const leases = Array(60).fill({ lease: REF, rowsDone: 1 });
        await endlessly(
          [client],
          1,
          () => client.work.heartbeat({ session, leases, busy: {}, padding: null, stores: [] }, NEVER),
          attacker.signal,
        );
      },
      attacker.signal,
    ),
  "heartbeats of 100,000 leases": (attacker) =>
    endlessly(
      clients(2, attacker),
      2,
      async (client) => {
        const session = await join(client);
        const lease = (index: number) => ({ ...REF, jobId: asJobId(`job-${index}`) });
        const leases = Array.from({ length: 100_000 }, (_, index) => ({ lease: lease(index), rowsDone: 1 }));
        await client.work.heartbeat({ session, leases, busy: {}, padding: null, stores: [] }, NEVER);
      },
      attacker.signal,
    ),
  "endless lease requests": (attacker) =>
    endlessly(
      clients(8, attacker),
      100,
      async (client) => {
        const session = await join(client);
        await client.work.requestLease(session, 60_000, [], AbortSignal.timeout(200));
      },
      attacker.signal,
    ),
  "endless registrations": (attacker) =>
    endlessly(clients(4, attacker), 100, (client) => join(client), attacker.signal),
  "uploads that send nothing": (attacker) =>
    endlessly(clients(8, attacker), 120, () => rawCall(attacker, "PutPartialFile", null), attacker.signal),
  "uploads of one lease that stop": async (attacker) => {
    const [client] = clients(1, attacker);
    if (client === undefined) return;
    const { session, lease } = await takeLease(client, attacker);
    await endlessly(
      [client],
      40,
      (_client, index) => {
        const header = { session, jobId: lease.jobId, shard: lease.shard.id, token: lease.token };
        const name = index % 2 === 0 ? "rows.parquet" : "errors.parquet";
        const stuck = (async function* () {
          yield Buffer.from("0123456789");
          await aborted(attacker.signal);
        })();
        return client.data.putPartialFile(
          { ...header, executionId: asExecutionId("e1"), name, bytes: 1 << 20 },
          stuck,
          NEVER,
        );
      },
      attacker.signal,
    );
  },
  "uploads for leases that no worker holds": (attacker) =>
    endlessly(
      clients(4, attacker),
      50,
      async (client, index) => {
        const session = await join(client);
        const token = { generation: 7, sequence: index };
        const lease = { session, jobId: attacker.jobId, shard: shardId(index), token };
        const header = { ...lease, executionId: asExecutionId("e1") };
        const bytes = (async function* () {
          yield new Uint8Array(1 << 20);
        })();
        await client.data.putPartialFile({ ...header, name: "rows.parquet", bytes: 1 << 20 }, bytes, NEVER);
      },
      attacker.signal,
    ),
  "readers that read no bytes": (attacker) =>
    endlessly(
      clients(8, attacker),
      60,
      async (client) => {
        const session = await join(client);
        const { jobId, inputPath: path, inputBytes: end } = attacker;
        await rawCall(attacker, "ReadRange", { session, jobId, path, start: 0, end });
      },
      attacker.signal,
    ),
  "watchers that read no bytes": (attacker) =>
    endlessly(
      [NOBODY],
      1_000,
      () => rawCall(attacker, "WatchJob", { jobId: attacker.jobId }),
      attacker.signal,
    ),
  "watchers that connect and disconnect": (attacker) =>
    endlessly(
      clients(4, attacker),
      100,
      async (client) => {
        for await (const _status of client.jobs.watchJob(asJobId(""), NEVER)) break;
      },
      attacker.signal,
    ),
  "endless requests for all statuses": (attacker) =>
    endlessly(
      clients(4, attacker),
      60,
      async (client) => {
        await Promise.all([client.jobs.listJobs(NEVER), client.workers.listWorkers(NEVER)]);
      },
      attacker.signal,
    ),
  "jobs that cannot be planned": (attacker) =>
    endlessly(
      clients(4, attacker),
      60,
      (client, index) => {
        const output = { ...attacker.spec.output, path: `${attacker.spec.output.path}-none-${index}` };
        const own = present(attacker.spec.model, "the job has a model");
        const model = { ...own, path: "/nowhere/model.onnx" };
        return client.jobs.submitJob({ ...attacker.spec, output, model }, { fresh: false }, NEVER);
      },
      attacker.signal,
    ),
  "cancellations of unknown jobs": (attacker) =>
    endlessly(
      clients(4, attacker),
      100,
      (client) => client.jobs.cancelJob(asJobId(MANY_TEXT.slice(0, 4_000)), MANY_TEXT.slice(0, 4_000), NEVER),
      attacker.signal,
    ),
  "reports of failures of unknown leases": (attacker) =>
    endlessly(
      clients(4, attacker),
      50,
      async (client) => {
        const session = await join(client);
        const error = errorToData(new ShardmillError("MODEL_FAILED", MANY_TEXT));
        await endlessly(
          [client],
          1,
          () => client.work.failAttempt(session, { ...REF, jobId: attacker.jobId }, error),
          attacker.signal,
        );
      },
      attacker.signal,
    ),
  "offers of partials that do not exist": (attacker) =>
    endlessly(
      clients(4, attacker),
      30,
      async (client) => {
        const session = await join(client);
        await client.work.offerPartial(
          session,
          attacker.jobId,
          partialOf({ jobId: attacker.jobId, shard: 0 }),
        );
      },
      attacker.signal,
    ),
  "metadata of 60 KB": (attacker) =>
    endlessly([NOBODY], 200, () => rawCall(attacker, "ListJobs", {}, MANY_TEXT), attacker.signal),
  "calls without the secret": (attacker) =>
    endlessly(strangers(4, attacker), 100, (client) => client.jobs.listJobs(NEVER), attacker.signal),
  "two thousand connections": async (attacker) => {
    const { host, port } = parseAddress(attacker.address, "connect");
    const sockets = Array.from({ length: 2_000 }, () => {
      const socket = connect({ host, port });
      socket.on("error", () => {});
      made.calls += 1;
      socket.on("connect", () => socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"));
      return socket.resume();
    });
    await aborted(attacker.signal);
    for (const socket of sockets) socket.destroy();
  },
  ...TOKEN_ATTACKS,
};
