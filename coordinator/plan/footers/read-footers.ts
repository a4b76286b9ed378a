import { availableParallelism } from "node:os";
import { errorFromData, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import { hasFooter } from "../../../shared/domain/formats.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import type { TextCause } from "../../../shared/domain/text-cause.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import type { FoundFile } from "../input/discover.ts";
import { findForms, type RequestedForms } from "./find-forms.ts";
import { FOOTER_MEMORY_BYTES } from "./footer-processes.ts";
import type { FooterReply } from "./footer-protocol.ts";
import { FooterReaders } from "./footer-readers.ts";
import type { FileFooter } from "./seal-dataset.ts";

interface FooterOptions {
  readonly signal: AbortSignal;
  /** Settings of the job's stores. Default: none. */
  readonly stores?: JobStores;
  /** Limit of processes. Default: one per core, at most eight. */
  readonly concurrency?: number;
  /** Time limit of a batch. Default: a minute. */
  readonly limitMs?: number;
  /** Memory limit of a process. Default: 2 GiB. */
  readonly memoryLimitBytes?: number;
  /** Text with the names of columns whose statistics are read. Default: no statistics. */
  readonly named?: string | null;
  /** The job's options for files without a footer. Default: none. */
  readonly requested?: RequestedForms;
  /** True when this process wrote the files, so that reading them here is safe. Default: false. */
  readonly ownInput?: boolean;
  /** Receives the number of files whose footer is read. */
  readonly onRead?: (files: number) => void;
  /** Receives the causes of text columns, once. */
  readonly onTextCauses?: (causes: readonly TextCause[]) => void;
}

/** Limit of processes. More help only with slow storage, and each takes about 80 MiB. */
const PROCESS_LIMIT = 8;

/**
 * Time limit of a batch. A footer takes milliseconds, or seconds on a slow network file system. A file on
 * which a parser loops never ends.
 */
const READ_LIMIT_MS = 60_000;

/** Limits of one process for one batch of files. */
export const FOOTER_LIMITS = { limitMs: READ_LIMIT_MS, memoryLimitBytes: FOOTER_MEMORY_BYTES };

/** Files that make one more process worthwhile: starting it takes about 200 ms. */
const FILES_PER_PROCESS = 64;

/**
 * Bytes of files without a footer that make one more process worthwhile. Reading them whole keeps a process
 * busy.
 */
const SCAN_PER_PROCESS = 64 << 20;

/**
 * Limits of a batch: files, whose ends are fetched together, and bytes to parse. A footer rarely has more
 * bytes. One that does keeps a process busy by itself.
 */
const BATCH = { files: 64, footerBytes: 4 << 20 };

/** Assumed limit of a footer's bytes before it is read: usual files have less. */
const FOOTER_BYTES = 128 << 10;

/** Limit of listed problems: enough to see the pattern. The count has the rest. */
const PROBLEM_LIMIT = 20;

/**
 * Reads the footers of the input's files, in order. Reads them in processes of their own, which can be ended.
 * Corrupt and hostile files crash or hang decoders, or exhaust memory.
 *
 * @throws {INPUT_CORRUPT} and the other INPUT_ and STORE_ codes, with all bad files in one error
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
  const forms = await findForms(files, options.requested ?? { options: {}, types: {} }, limits);
  options.onTextCauses?.(Object.values(forms).flatMap(({ textCauses }) => textCauses));
  await using readers = new FooterReaders({ ...limits, forms });
  let read = 0;
  let isOut = false;
  const replies = await mapConcurrent(cutBatches(files), processes, async (batch) => {
    // After a storage failure, more files would fail the same way, each after its timeout.
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
  // Lazy: it loads the decoders, which this process needs only for files of its own.
  const { readFooterBatch } = await import("./read-footer-batch.ts");
  await using storages = new Storages({}, NO_STORES);
  const footers: FileFooter[] = [];
  for await (const read of readFooterBatch(storages, files, { named, forms: {} })) {
    if (read.kind === "failed") throw read.error;
    onRead?.(footers.push(read.footer));
  }
  return footers;
}

function scanBytes(files: readonly FoundFile[]): number {
  return files.reduce((sum, { format, bytes }) => sum + (hasFooter(format) ? 0 : bytes), 0);
}

/** Cuts files into batches. A message for each small file would take longer than its footer. */
function cutBatches(files: readonly FoundFile[]): FoundFile[][] {
  const batches: FoundFile[][] = [];
  let bytes = 0;
  for (const file of files) {
    const batch = batches.at(-1);
    const own = hasFooter(file.format) ? Math.min(file.bytes, FOOTER_BYTES) : file.bytes;
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
  const more = errors.length > PROBLEM_LIMIT ? ` (the first ${PROBLEM_LIMIT} are listed)` : "";
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
