import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import { createCoordinatorStorage } from "../../shared/storage/coordinator.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { ownVersions } from "../../shared/wire/protocol.ts";
import { startCli } from "../../test/support/processes.ts";
import type { Workload } from "../workloads/workload.ts";

const LIMIT_MS = 600_000;

/**
 * Calls `use` with the storage of a worker without access to the job's files. The coordinator runs in a
 * separate process.
 */
export async function withCoordinatorStorage<T>(
  workload: Workload,
  use: (storage: Storage) => Promise<T>,
): Promise<T> {
  const output = await mkdtemp(join(tmpdir(), "shardmill-bench-"));
  try {
    const settings = [
      "--listen",
      "127.0.0.1:0",
      "--log-level",
      "error",
      "--set",
      `output.path=${output}/out`,
    ];
    await using cli = startCli(["coordinator", workload.jobPath, ...settings], { limitMs: LIMIT_MS });
    const [, address = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
    const client = connectCoordinator(address, userCredential());
    try {
      const { session } = await client.work.register(
        {
          ...ownVersions(),
          name: "bench-reader",
          hostname: hostname(),
          pid: process.pid,
          device: "cpu",
          slots: 1,
          lanes: 1,
          threadsPerLane: 1,
          onnxruntimeVersion: "",
        },
        NEVER,
      );
      const { jobId } = await client.jobs.getJob(asJobId(""), NEVER);
      return await use(createCoordinatorStorage({ data: client.data, session: () => session, jobId }));
    } finally {
      client.close();
    }
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}
