import { NEVER, sleep } from "../shared/core/abort.ts";
import { type CliResult, startCli } from "../test/support/processes.ts";
import { type FaultResult, type FaultWorld, fired, notFired } from "./fault-world.ts";
import { BESIDE_ANOTHER, TAKEN_UP } from "./fleet.ts";

/** Faults of several coordinators, on machines that share only a bucket. */

/** Time that a rival runs. It waits half a minute when it cannot detect whether another coordinator runs. */
const RIVAL_MS = { least: 5_000, most: 40_000 } as const;
/** Time that the silence of a paused coordinator, and the start of the next, may take on a busy machine. */
const TAKE_OVER_MS = 120_000;
/** Time that a coordinator works before its pause, and that its follower works before the resume. */
const BESIDE_MS = 3_000;
/** Time within which the resumed coordinator must notice its replacement. */
const NOTICE_MS = 60_000;

let rivals = 0;

/** Runs the same job file on another machine with its own worker, and kills it unless it ends first. */
export async function startRival({ place, job, random }: FaultWorld): Promise<FaultResult> {
  rivals += 1;
  const machine = `rival-${rivals}`;
  const { least, most } = RIVAL_MS;
  const forMs = least + random() * (most - least);
  const args = ["run", job.path, "--workers", "1", "--lanes", "1", "--threads", "1", "--json"];
  await using rival = startCli(args, { env: place.env(job, machine), limitMs: TAKE_OVER_MS });
  const ended = await Promise.race([rival.ended, sleep(forMs, NEVER).then(() => null)]);
  if (ended !== null) return fired(`${machine} ${howItEnded(ended)}`);
  rival.killGroup("SIGKILL");
  const { stderr } = await rival.ended;
  const text = `killed after ${(forMs / 1_000).toFixed(1)} s`;
  if (TAKEN_UP.test(stderr)) return fired(`${machine} at work, and ${text}`);
  return stderr.includes("waiting")
    ? fired(`${machine} waiting, and ${text}`)
    : notFired(`${machine} ${text}`);
}

/**
 * Pauses a coordinator until another machine's coordinator has taken the job over, and resumes it. Half of
 * the workers are still connected to it. It must notice before it does any harm.
 */
export async function replaceCoordinator({ coordinator, slots, random }: FaultWorld): Promise<FaultResult> {
  if (coordinator.busy) return notFired("the coordinator is being replaced");
  coordinator.busy = true;
  try {
    // The coordinator works, so it has granted leases and appends records.
    await coordinator.listening();
    await sleep(random() * BESIDE_MS, NEVER);
    const replaced = await coordinator.replaceStopped();
    if (replaced === null) return notFired("the coordinator had ended");
    const { stopped, follower } = replaced;
    try {
      for (const { proxy, index } of slots) {
        proxy.leadTo(coordinator.port);
        // One network reports the break, and the other does not.
        if (index % 2 === 0) proxy.breakOff();
      }
      const took = follower.saw(TAKEN_UP).then(
        () => true,
        () => false,
      );
      const isTaken = await Promise.race([took, sleep(TAKE_OVER_MS, NEVER).then(() => null)]);
      if (isTaken === null) throw new Error("no process has taken over the job of a stopped coordinator");
      await sleep(random() * BESIDE_MS, NEVER);
    } finally {
      stopped.kill("SIGCONT");
    }
    const end = await Promise.race([stopped.ended, sleep(NOTICE_MS, NEVER).then(() => null)]);
    if (end === null) throw new Error("a coordinator that was stopped, and replaced, does not end");
    const how = howItEnded(end);
    // A coordinator that had published just before its pause reports that.
    return end.code === 0 ? notFired(`stopped, it ${how}`) : fired(`stopped and replaced, it ${how}`);
  } finally {
    coordinator.busy = false;
  }
}

/** @throws {Error} when no other coordinator explains the end */
function howItEnded({ code, signal, stderr }: CliResult): string {
  if (code === 0) return "finds it published";
  const [found] = BESIDE_ANOTHER.exec(stderr) ?? [];
  if (code === 1 && found !== undefined) return `is refused with ${found}`;
  throw new Error(`a coordinator beside another ended with ${code ?? signal}: ${stderr.slice(-2_000)}`);
}
