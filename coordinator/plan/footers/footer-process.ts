import { isDeepStrictEqual } from "node:util";
import { NEVER } from "../../../shared/core/abort.ts";
import { errorToData } from "../../../shared/core/errors.ts";
import { serveOwner } from "../../../shared/core/remote/serve-owner.ts";
import { hasFooter, recordFormatOf } from "../../../shared/domain/formats.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import { type CountsOwner, reportCounts } from "../../../shared/http/report-counts.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { byteSource } from "../../../shared/storage/storage.ts";
import type { FooterReader } from "./footer-process-owner.ts";
import type {
  FileAnswer,
  FileSchema,
  FooterAnswer,
  FooterRequest,
  FormAnswer,
  FormRequest,
} from "./footer-protocol.ts";
import { readFooterBatch } from "./read-footer-batch.ts";
import type { FileFooter } from "./seal-dataset.ts";

/** Stores of the last request, without their addresses. */
let known = { ...NO_STORES, addresses: {} };
let storages = new Storages({}, known);

const report = reportCounts(
  serveOwner<FooterReader, CountsOwner>({
    read: (request) => answer(request).finally(() => report()),
    findForm: (request) => findForm(request).finally(() => report()),
  }),
);

/**
 * Returns the storages of a request. Reopens them for another job's stores: a process serves several owners
 * in turn, each with one job.
 */
async function storagesOf(stores: JobStores): Promise<Storages> {
  const { addresses, ...others } = stores;
  if (!isDeepStrictEqual({ ...others, addresses: known.addresses }, known)) {
    await storages[Symbol.asyncDispose]();
    known = { ...others, addresses: {} };
    storages = new Storages({}, known);
  }
  // Each request has the addresses of its own files.
  Object.assign(known.addresses, addresses);
  return storages;
}

async function findForm({ files, stores, format, requested }: FormRequest): Promise<FormAnswer> {
  try {
    const planner = await recordFormatOf(format).loadPlanner();
    const reached = await storagesOf(stores);
    const sources = [];
    for (const { path, bytes, version } of files)
      sources.push(byteSource(await reached.at(path), path, bytes, version));
    return { kind: "found", found: await planner.findForm(sources, requested, NEVER) };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

/** Drops the index of a file that has a footer: the owner knows it. */
function withoutKnown(footer: FileFooter): FileFooter {
  const { text: _, ...file } = footer.file;
  return hasFooter(file.format) ? { ...footer, file } : footer;
}

async function answer({ files, stores, named, forms }: FooterRequest): Promise<FooterAnswer> {
  const reached = await storagesOf(stores);
  const schemas = new Map<string, { readonly index: number; readonly schema: FileSchema }>();
  const answers: FileAnswer[] = [];
  for await (const read of readFooterBatch(reached, files, { named, forms })) {
    if (read.kind === "failed") {
      answers.push({ kind: "failed", error: errorToData(read.error) });
      continue;
    }
    const { fields, layout, classes, ...footer } = withoutKnown(read.footer);
    const schema = { fields, layout, classes };
    const key = JSON.stringify(schema);
    const known = schemas.get(key) ?? { index: schemas.size, schema };
    schemas.set(key, known);
    answers.push({ kind: "read", schema: known.index, ...footer });
  }
  return { schemas: [...schemas.values()].map(({ schema }) => schema), files: answers };
}
