import { availableParallelism } from "node:os";
import { errorFromData, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import { isTableFormat } from "../../../shared/domain/dataset.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import type { TextCause } from "../../../shared/domain/text-cause.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import type { FoundFile } from "../input/discover.ts";
import { type AskedForms, findForms } from "./find-forms.ts";
import { FOOTER_MEMORY_BYTES } from "./footer-processes.ts";
import type { FooterReply } from "./footer-protocol.ts";
import { FooterReaders } from "./footer-readers.ts";
import { readFooterBatch } from "./read-footer-batch.ts";
import type { FileFooter } from "./seal-dataset.ts";

interface FooterOptions {
  readonly signal: AbortSignal;
  /** What the job says of its stores. Left out: nothing. */
  readonly stores?: JobStores;
  /** Processes at once. Left out: one a core, eight at most. */
  readonly concurrency?: number;
  /** For the files that are asked for at once. Left out: a minute. */
  readonly limitMs?: number;
  /** For one process. Left out: 2 GiB. */
  readonly memoryLimitBytes?: number;
  /** Of columns whose names are in this text, statistics are read. Left out: of none. */
  readonly named?: string | null;
  /** What the job says of files without a footer. Left out: nothing. */
  readonly asked?: AskedForms;
  /** This process wrote the files itself, so that reading them here is safe. Default: false. */
  readonly ownInput?: boolean;
  /** Told of how many files the footer is read. */
  readonly onRead?: (files: number) => void;
  /** Receives the reasons of text columns, once. Default: nobody does. */
  readonly onTextCauses?: (causes: readonly TextCause[]) => void;
}

/** More processes only help where the storage is slow, and each takes some 80 MiB. */
const PROCESS_LIMIT = 8;

/**
 * A footer takes milliseconds, on a slow network file system seconds. A file that makes a parser loop never
 * ends.
 */
const READ_LIMIT_MS = 60_000;

/** What one process may take, for the files that it is asked for at once. */
export const FOOTER_LIMITS = { limitMs: READ_LIMIT_MS, memoryLimitBytes: FOOTER_MEMORY_BYTES };

/** A process takes some 200 ms to start: worth it for this many files. */
const FILES_PER_PROCESS = 64;

/** A file without a footer is read from end to end, and that takes a process all of its time. */
const SCAN_PER_PROCESS = 64 << 20;

/**
 * What is asked for at once: so many files, whose ends are fetched together, with so much to be parsed. More
 * than that a footer hardly ever has, and one that does takes a process's time by itself.
 */
const BATCH = { files: 64, footerBytes: 4 << 20 };

/** Of a file it is not known what its footer has: not more than this if it is as files are. */
const FOOTER_BYTES = 128 << 10;

/** Enough to see the pattern; the count says how many more there are. */
const PROBLEM_LIMIT = 20;

/**
 * The footers of the input's files, in their order. Read in processes of their own: corrupt and hostile files
 * crash decoders, hang them, or make them eat the memory, and a process can be ended.
 *
 * @throws {INPUT_CORRUPT} and the other INPUT_ and STORE_ codes; all bad files in one error
 */
export async function readFooters(
  files: readonly FoundFile[],
  options: FooterOptions,
): Promise<FileFooter[]> {
  const { signal, limitMs, memoryLimitBytes } = { ...FOOTER_LIMITS, ...options };
  if (options.ownInput === true) return await readOwn(files, options);
  const most = options.concurrency ?? Math.min(PROCESS_LIMIT, availableParallelism());
  const worth = Math.ceil(files.length / FILES_PER_PROCESS) + Math.floor(scanBytes(files) / SCAN_PER_PROCESS);
  const processes = Math.max(1, Math.min(most, worth, files.length));
  const { named = null, stores = NO_STORES } = options;
  const limits = { limitMs, memoryLimitBytes, signal, stores, named };
  const forms = await findForms(files, options.asked ?? { options: {}, types: {} }, limits);
  options.onTextCauses?.(Object.values(forms).flatMap(({ textCauses }) => textCauses));
  await using readers = new FooterReaders({ ...limits, forms });
  let read = 0;
  let isOut = false;
  const replies = await mapConcurrent(cutBatches(files), processes, async (batch) => {
    // Of a storage that fails, a hundred thousand files more would say the same, each after its time.
    if (isOut) return [];
    const found = await readers.read(batch);
    isOut ||= found.some(isStoreFailure);
    read += batch.length;
    options.onRead?.(read);
    return found;
  });
  return collect(files, replies.flat());
}

async function readOwn(
  files: readonly FoundFile[],
  { named = null, onRead }: FooterOptions,
): Promise<FileFooter[]> {
  await using storages = new Storages({}, NO_STORES);
  const footers: FileFooter[] = [];
  for await (const read of readFooterBatch(storages, files, { named, forms: {} })) {
    if (read.kind === "failed") throw read.error;
    onRead?.(footers.push(read.footer));
  }
  return footers;
}

function scanBytes(files: readonly FoundFile[]): number {
  return files.reduce((sum, { format, bytes }) => sum + (isTableFormat(format) ? 0 : bytes), 0);
}

/** Small files are asked for together: a message for each would take longer than its footer. */
function cutBatches(files: readonly FoundFile[]): FoundFile[][] {
  const batches: FoundFile[][] = [];
  let bytes = 0;
  for (const file of files) {
    const batch = batches.at(-1);
    const own = isTableFormat(file.format) ? Math.min(file.bytes, FOOTER_BYTES) : file.bytes;
    bytes += own;
    if (batch !== undefined && batch.length < BATCH.files && bytes <= BATCH.footerBytes) batch.push(file);
    else {
      batches.push([file]);
      bytes = own;
    }
  }
  return batches;
}

function isStoreFailure(reply: FooterReply): boolean {
  return reply.kind === "failed" && reply.error.code === "STORE_FAILED";
}

function collect(files: readonly FoundFile[], replies: readonly FooterReply[]): FileFooter[] {
  const footers: FileFooter[] = [];
  const errors: ShardmillError[] = [];
  for (const reply of replies) {
    if (reply.kind === "read") footers.push(reply.footer);
    else errors.push(errorFromData(reply.error));
  }
  const [first] = errors;
  if (first === undefined) return footers;
  if (errors.length === 1) throw first;
  const problems: Problem[] = errors.slice(0, PROBLEM_LIMIT).flatMap((error) => problemsOf(error));
  const more = errors.length > PROBLEM_LIMIT ? `; the first ${PROBLEM_LIMIT} are listed` : "";
  const message = `${errors.length} of ${files.length} input files cannot be read${more}`;
  throw new ShardmillError(first.code, message, {
    fields: { ...first.fields, files: errors.length },
    problems,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

function problemsOf(error: ShardmillError): readonly Problem[] {
  if (error.problems.length > 0) return error.problems;
  const { path } = error.fields;
  return [{ where: typeof path === "string" ? path : error.code, what: error.message }];
}
