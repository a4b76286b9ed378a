import { userCredential } from "../shared/access/credential.ts";
import { silentLogger } from "../shared/core/log.ts";
import { compiledUrl } from "../shared/core/package-root.ts";
import type { KnownJob } from "../test/support/known-job.ts";
import { layOutProcesses } from "../worker/process/process-layout.ts";
import { makeScratch } from "../worker/process/scratch.ts";
import { Supervisor } from "../worker/process/supervisor.ts";
import type { Misbehaviour } from "./misbehaving-worker-process.ts";

/** Starts misbehaving workers under a real supervisor. The caller drains or stops it. */
export async function startMisbehaving(
  job: KnownJob,
  wrong: Misbehaviour,
  { coordinator, workers }: { readonly coordinator: string; readonly workers: number },
): Promise<Supervisor> {
  const plans = await layOutProcesses({
    workers,
    // The lanes of a wrong device compute on the CPU, so any other device name works.
    device: wrong.kind === "wrongNumbers" ? "webgpu" : "cpu",
    lanes: 1,
    threads: 1,
    shardThreads: 1,
    access: "shared",
    allowsModules: false,
    logLevel: "error",
    giveUpMs: 20_000,
  });
  return new Supervisor({
    processes: plans.map((plan) => ({
      options: plan.options,
      env: { TMPDIR: job.tmp, SHARDMILL_MISBEHAVIOUR: JSON.stringify(wrong) },
    })),
    joins: { coordinator, credential: userCredential() },
    scratchPath: await makeScratch(job.tmp),
    log: silentLogger,
    entry: compiledUrl("fault/misbehaving-worker-process.ts"),
  });
}
