import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { PartialFile, PartialManifest } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import { ownVersions } from "../../shared/wire/protocol.ts";
import type { LeaseRef } from "../../shared/wire/services.ts";
import { aWorker, rowCounts } from "./builders.ts";

/** A worker without a loop: a test makes its calls one by one. */
export class RawWorker implements AsyncDisposable {
  readonly client: CoordinatorClient;
  readonly #name: string;

  constructor(address: string, name = "raw-1") {
    this.client = connectCoordinator(address, userCredential());
    this.#name = name;
  }

  /** Joins, or joins again. Each time begins a new session. */
  async register(): Promise<WorkerSession> {
    const info = { ...aWorker({ name: this.#name }), ...ownVersions() };
    return (await this.client.work.register(info, NEVER)).session;
  }

  async lease(session: WorkerSession): Promise<Lease> {
    const answer = await this.client.work.requestLease(session, 5_000, [], NEVER);
    if (answer.kind !== "lease") throw new Error(`the answer is ${answer.kind}, not a lease`);
    return answer.lease;
  }

  async put(session: WorkerSession, jobId: JobId, { manifest, bytes }: RawPartial): Promise<void> {
    const { shard, token, executionId, files } = manifest;
    const header = { session, jobId, shard, token, executionId };
    for (const { name } of files) {
      const chunks = (async function* () {
        yield bytes;
      })();
      await this.client.data.putPartialFile({ ...header, name, bytes: bytes.length }, chunks, NEVER);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
  }
}

export interface RawPartial {
  readonly manifest: PartialManifest;
  /** Bytes of its only file. */
  readonly bytes: Uint8Array;
}

/** Makes a partial of a job without reductions. Its rows are `id`, as in the input, and `best`. */
export async function rawPartial(lease: Lease, executionId: string, best = 0): Promise<RawPartial> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-raw-"));
  try {
    await using database = await openLockedDatabase({ folders: [folder], tempFolder: folder });
    const { rowStart, rowEnd } = lease.shard;
    const path = join(folder, "rows.parquet");
    const range = `range(${rowStart}, ${rowEnd})`;
    const { rows } = await database.copyTo(
      { where: "rows", sql: `SELECT range AS id, ${best}::INTEGER AS best FROM ${range}` },
      path,
    );
    const bytes = await readFile(path);
    const file: PartialFile = {
      kind: "rows",
      name: "rows.parquet",
      rows,
      bytes: bytes.length,
      sha256: sha256(bytes),
    };
    const count = shardRows(lease.shard);
    const manifest: PartialManifest = {
      shard: lease.shard.id,
      token: lease.token,
      executionId: asExecutionId(executionId),
      ...rowCounts(count),
      firstDeadLetter: null,
      files: [file],
      digest: partialDigest([file]),
    };
    return { manifest, bytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function refOf(lease: Lease): LeaseRef {
  return { jobId: lease.jobId, shard: lease.shard.id, token: lease.token };
}
