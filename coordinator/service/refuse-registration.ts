import { ShardmillError } from "../../shared/core/errors.ts";
import { onlyIn } from "../../shared/core/mapping.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import type { ProtocolRange } from "../../shared/domain/versions.ts";
import type { WorkerInfo } from "../../shared/domain/worker.ts";
import { PROTOCOL, protocolsMeet, protocolText } from "../../shared/wire/protocol.ts";
import type { Registration } from "../../shared/wire/services.ts";

/**
 * Limit of a worker's slots. A worker has two per thread and one more, and no machine has this many threads.
 * Each lease costs regular checks.
 */
const MOST_SLOTS = 1_024;

/** @throws {ARGUMENT_INVALID} */
export function refuseSlots({ name, slots: leases, taskSlots = leases }: WorkerInfo): void {
  const slots = [leases, taskSlots].find((count) => count < 1 || count > MOST_SLOTS);
  if (slots === undefined) return;
  throw new ShardmillError("ARGUMENT_INVALID", `worker ${name} has ${slots} slots, not 1 to ${MOST_SLOTS}`, {
    fields: { worker: name, slots, most: MOST_SLOTS },
  });
}

/** @throws {VERSION_SKEW} when the two protocol ranges do not meet. The error has both ranges */
export function refuseProtocol(
  { name, build, protocol }: Registration,
  ours: ProtocolRange = PROTOCOL,
): void {
  if (protocolsMeet(protocol, ours)) return;
  const message = `worker ${name} speaks another protocol than the coordinator: ${protocolText(protocol)}, not ${protocolText(ours)}`;
  const isOlder = protocol.newest < ours.oldest;
  throw new ShardmillError("VERSION_SKEW", message, {
    fields: {
      worker: build,
      coordinator: buildVersion,
      workerProtocol: protocolText(protocol),
      protocol: protocolText(ours),
    },
    hint: isOlder
      ? `install shardmill ${buildVersion} on the worker's node`
      : `upgrade the coordinator to shardmill ${build} first, or install ${buildVersion} on the worker's node`,
  });
}

/** Mappings that a worker may have. */
export interface Mappings {
  /** Mapping of new jobs on this coordinator. */
  readonly own: string;
  /** Returns the mappings of the current jobs. */
  readonly ofJobs: () => readonly string[];
  /** True while jobs are being opened, whose mapping is not yet known. */
  readonly mayChange: boolean;
}

/**
 * Refuses a worker that would get no shard of any current or future job.
 *
 * @throws {VERSION_SKEW} with the differences of the mappings
 */
export function refuseMapping(worker: WorkerInfo, { own, ofJobs, mayChange }: Mappings): void {
  const fits = [own, ...ofJobs()].includes(worker.mapping);
  if (!mayChange && !fits) throw otherMapping(worker, own);
}

/** @param mapping that the worker must have */
export function otherMapping({ name, build, mapping: workers }: WorkerInfo, mapping: string): ShardmillError {
  const message = `worker ${name} maps rows in another way than this coordinator requires: rows of one output come from one mapping`;
  return new ShardmillError("VERSION_SKEW", message, {
    fields: {
      worker: build,
      coordinator: buildVersion,
      onlyWorker: onlyIn(workers, mapping),
      onlyHere: onlyIn(mapping, workers),
    },
    hint: `install shardmill ${buildVersion} with the libraries of its package-lock.json on the worker's node`,
  });
}
