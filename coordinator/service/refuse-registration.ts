import { ShardmillError } from "../../shared/core/errors.ts";
import { onlyIn } from "../../shared/core/mapping.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import type { ProtocolRange } from "../../shared/domain/versions.ts";
import type { WorkerInfo } from "../../shared/domain/worker.ts";
import { PROTOCOL, protocolsMeet, protocolText } from "../../shared/wire/protocol.ts";
import type { Registration } from "../../shared/wire/services.ts";

/**
 * Two for each thread and one more: no machine has threads for so many, and each lease is looked at again and
 * again.
 */
const MOST_SLOTS = 1_024;

/** @throws {ARGUMENT_INVALID} */
export function refuseSlots({ name, slots }: WorkerInfo): void {
  if (slots >= 1 && slots <= MOST_SLOTS) return;
  throw new ShardmillError("ARGUMENT_INVALID", `worker ${name} has ${slots} slots, not 1 to ${MOST_SLOTS}`, {
    fields: { worker: name, slots, most: MOST_SLOTS },
  });
}

/** @throws {VERSION_SKEW} when there is no version of the protocol that both speak, with what each speaks */
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
      : `bring the coordinator to shardmill ${build} first, or install ${buildVersion} on the worker's node`,
  });
}

/** By what a worker is judged that may map rows in another way than this coordinator would. */
export interface Mappings {
  /** What this coordinator begins jobs with. */
  readonly own: string;
  /** Of the jobs that it has. */
  readonly ofJobs: () => readonly string[];
  /** Whether jobs are being opened: what they are mapped by is not known yet. */
  readonly mayChange: boolean;
}

/**
 * One that would get no shard, of no job that there is and of none to come.
 *
 * @throws {VERSION_SKEW} saying in what the mappings differ
 */
export function refuseMapping(worker: WorkerInfo, { own, ofJobs, mayChange }: Mappings): void {
  const fits = [own, ...ofJobs()].includes(worker.mapping);
  if (!mayChange && !fits) throw otherMapping(worker, own);
}

/** @param mapping that the worker's must be */
export function otherMapping({ name, build, mapping: workers }: WorkerInfo, mapping: string): ShardmillError {
  const message = `worker ${name} maps rows in another way than is wanted here: rows of one output come from one mapping`;
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
