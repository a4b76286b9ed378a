import { NEVER, sleep } from "../shared/core/abort.ts";
import { ask } from "../test/support/job-processes.ts";
import { type FaultResult, type FaultWorld, fired, notFired } from "./fault-world.ts";
import type { MortalCoordinator, WorkerSlot } from "./fleet.ts";
import { processState } from "./left-processes.ts";
import { replaceCoordinator, startRival } from "./rival-faults.ts";
import { ON_DISK, type RoundPlace } from "./round-place.ts";
import type { Direction } from "./tcp-proxy.ts";

/** Faults of every round. */
export const FAULT_KINDS = [
  "workerKilled",
  "workerStopped",
  "workerTerminated",
  "allWorkersKilled",
  "coordinatorKilled",
  "blackholeUp",
  "blackholeDown",
  "blackholeBoth",
] as const;
/** Faults of rounds whose output is in a bucket, which coordinators on several machines reach. */
export const BUCKET_FAULT_KINDS = ["rivalStarted", "coordinatorReplaced"] as const;
export type FaultKind = (typeof FAULT_KINDS | typeof BUCKET_FAULT_KINDS)[number];

/**
 * Returns the faults that are possible in a place. Another machine cannot resume work on a stopped machine's
 * disk.
 */
export function faultKindsOf(place: RoundPlace): readonly FaultKind[] {
  if (place === ON_DISK) return FAULT_KINDS;
  const ofBucket = BUCKET_FAULT_KINDS.filter((kind) => place.movesOn || kind === "rivalStarted");
  // First, because they take longest, and must strike before the job ends.
  return [...ofBucket, ...FAULT_KINDS];
}

/** Pause of a worker in units of its lease. After it, another worker surely has the shard. */
const BEYOND_LEASE = 1.6;
/** Time within which a resumed worker must notice that its lease is lost. */
const FENCE_MS = 10_000;

/**
 * Does the fault and waits until its effects are over.
 *
 * @throws {Error} when the system broke a promise meanwhile
 */
export function inject(kind: FaultKind, world: FaultWorld): Promise<FaultResult> {
  switch (kind) {
    case "workerKilled":
      return onOneSlot(world, killWorker);
    case "workerStopped":
      return onOneAtWork(world, (slot, pid) => stopWorker(slot, pid, world));
    case "workerTerminated":
      return onOneSlot(world, terminate);
    case "allWorkersKilled":
      return killAll(world.slots);
    case "coordinatorKilled":
      return killCoordinator(world);
    case "blackholeUp":
      return onOneAtWork(world, (slot) => blackhole(slot, ["up"], world.leaseMs));
    case "blackholeDown":
      return onOneAtWork(world, (slot) => blackhole(slot, ["down"], world.leaseMs));
    case "blackholeBoth":
      return onOneAtWork(world, (slot) => blackhole(slot, ["up", "down"], world.leaseMs));
    case "rivalStarted":
      return startRival(world);
    case "coordinatorReplaced":
      return replaceCoordinator(world);
    default:
      return kind satisfies never;
  }
}

function onOneSlot(
  world: FaultWorld,
  fault: (slot: WorkerSlot) => Promise<FaultResult>,
): Promise<FaultResult> {
  const free = world.slots.filter(({ busy }) => !busy);
  return onSlot(free[Math.floor(world.random() * free.length)], fault);
}

async function onSlot(
  slot: WorkerSlot | undefined,
  fault: (slot: WorkerSlot) => Promise<FaultResult>,
): Promise<FaultResult> {
  if (slot === undefined) return notFired("every worker has a fault already");
  slot.busy = true;
  try {
    return await fault(slot);
  } finally {
    slot.busy = false;
  }
}

async function killWorker(slot: WorkerSlot): Promise<FaultResult> {
  const pid = await slot.workerPid();
  if (pid === null) return notFired(`worker ${slot.index} has no process now`);
  process.kill(pid, "SIGKILL");
  while (await isThere(pid)) await sleep(10, NEVER);
  return fired(`worker ${slot.index}: process ${pid} killed`);
}

/** Time to wait for a lease, also when the coordinator or all workers were just killed. */
const AT_WORK_MS = 10_000;

/** Does a fault to a worker that holds a lease. An idle or starting worker might not show any effect. */
async function onOneAtWork(
  world: FaultWorld,
  fault: (slot: WorkerSlot, pid: number) => Promise<FaultResult>,
): Promise<FaultResult> {
  for (let waitedMs = 0; waitedMs < AT_WORK_MS; waitedMs += 100) {
    const atWork = await pidsAtWork(world.coordinator);
    for (const slot of world.slots.filter(({ busy }) => !busy)) {
      const pid = await slot.workerPid();
      if (pid !== null && atWork.has(pid) && !slot.busy) return onSlot(slot, () => fault(slot, pid));
    }
    await sleep(100, NEVER);
  }
  return notFired("no worker holds a lease now");
}

/**
 * Pauses a worker that holds a lease until the lease has expired, and resumes it. The coordinator must then
 * refuse it: by a heartbeat's answer, an unknown session, or a refused offer.
 */
async function stopWorker(slot: WorkerSlot, pid: number, world: FaultWorld): Promise<FaultResult> {
  const { supervisor } = slot;
  if (!signal(pid, "SIGSTOP")) return notFired(`worker ${slot.index} exited`);
  while ((await processState(pid)) !== "T") await sleep(10, NEVER);
  await sleep(world.leaseMs * BEYOND_LEASE, NEVER);
  if ((await processState(pid)) !== "T") return notFired(`worker ${slot.index} exited while stopped`);
  const before = supervisor.stderr.length;
  signal(pid, "SIGCONT");
  for (let waitedMs = 0; waitedMs < FENCE_MS; waitedMs += 50) {
    const said = FENCED.exec(supervisor.stderr.slice(before));
    if (said !== null) return fired(`worker ${slot.index}: stopped beyond its lease, then: ${said[0]}`);
    if (!(await isThere(pid))) return notFired(`worker ${slot.index} exited after it was stopped`);
    await sleep(50, NEVER);
  }
  return notFired(`worker ${slot.index}: no sign that it was refused`);
}

const FENCED = /"msg":"lease lost"|"msg":"joined"|"answer":"(refused|alreadyCommitted)"/;

async function pidsAtWork(coordinator: MortalCoordinator): Promise<ReadonlySet<number>> {
  try {
    const workers = await ask(coordinator.address, (client) => client.workers.listWorkers(NEVER));
    return new Set(workers.filter(({ leases }) => leases > 0).map(({ pid }) => pid));
  } catch {
    // The coordinator does not run at this moment.
    return new Set();
  }
}

async function terminate(slot: WorkerSlot): Promise<FaultResult> {
  const { supervisor } = slot;
  supervisor.kill("SIGTERM");
  const startedMs = performance.now();
  const { code, signal: killedBy, stderr } = await supervisor.ended;
  slot.startAgain();
  if (killedBy !== null) return notFired(`worker ${slot.index} was killed before`);
  const seconds = (performance.now() - startedMs) / 1000;
  if (code !== 0 || seconds > 25)
    throw new Error(`a drained worker ended with ${code} after ${seconds.toFixed(1)} s: ${lastLine(stderr)}`);
  return fired(`worker ${slot.index}: drained in ${seconds.toFixed(1)} s`);
}

async function killAll(slots: readonly WorkerSlot[]): Promise<FaultResult> {
  const doomed = slots.map((slot) => ({ slot, supervisor: slot.supervisor }));
  for (const { supervisor } of doomed) if (supervisor.groupLives()) supervisor.killGroup("SIGKILL");
  const ends = await Promise.all(doomed.map(({ supervisor }) => supervisor.ended));
  // The fault that drains a worker starts it again.
  for (const { slot, supervisor } of doomed) if (slot.supervisor === supervisor) slot.startAgain();
  const killed = ends.filter((end) => end.signal === "SIGKILL").length;
  return killed === slots.length ? fired(`all ${killed} workers killed`) : notFired("not all workers ran");
}

async function killCoordinator({ coordinator }: FaultWorld): Promise<FaultResult> {
  if (coordinator.busy) return notFired("the coordinator is being replaced");
  return (await coordinator.kill()) ? fired("coordinator killed") : notFired("the coordinator had ended");
}

async function blackhole(
  slot: WorkerSlot,
  directions: readonly Direction[],
  leaseMs: number,
): Promise<FaultResult> {
  const { proxy } = slot;
  const before = directions.map((direction) => proxy.heldBytes(direction));
  for (const direction of directions) proxy.swallow(direction);
  await sleep(leaseMs * BEYOND_LEASE, NEVER);
  const held = directions.map((direction, index) => proxy.heldBytes(direction) - (before[index] ?? 0));
  for (const direction of directions) proxy.openAgain(direction);
  // The server sends nothing down without requests. With both directions closed, the bytes sent up prove the
  // fault.
  const proved = (held[0] ?? 0) > 0;
  const text = `worker ${slot.index}: ${directions.join(" and ")} swallowed ${held.join(" and ")} bytes`;
  return proved ? fired(text) : notFired(text);
}

async function isThere(pid: number): Promise<boolean> {
  const state = await processState(pid);
  return state !== null && state !== "Z";
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
