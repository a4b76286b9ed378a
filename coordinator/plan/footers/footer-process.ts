import { isDeepStrictEqual } from "node:util";
import { errorToData } from "../../../shared/core/errors.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import { takeCounts } from "../../../shared/http/store-tally.ts";
import { tellCounts } from "../../../shared/http/told-counts.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { byteSource } from "../../../shared/storage/storage.ts";
import type {
  AskedOfStores,
  FileAnswer,
  FileSchema,
  FooterAnswer,
  FooterRequest,
  SniffAnswer,
  SniffRequest,
} from "./footer-protocol.ts";
import { readFooterBatch } from "./read-footer-batch.ts";

/**
 * Entry of a footer process: reads what it is told to, one request after the other, until its owner ends it.
 */
let known = { ...NO_STORES, addresses: {} };
let storages = new Storages({}, known);

tellCounts();
process.once("disconnect", () => process.exit(1));
// Ctrl-C reaches the whole process group; what becomes of this process is its owner's to say.
process.on("SIGINT", () => {});
process.on("message", async (request: FooterRequest | SniffRequest) => {
  const found = "sniff" in request ? await sniff(request) : await answer(request);
  process.send?.({ ...found, stores: takeCounts() } satisfies AskedOfStores);
});

/** A process serves one owner after the other, of whom each has one job. */
async function storagesOf(stores: JobStores): Promise<Storages> {
  const { addresses, ...others } = stores;
  if (!isDeepStrictEqual({ ...others, addresses: known.addresses }, known)) {
    await storages[Symbol.asyncDispose]();
    known = { ...others, addresses: {} };
    storages = new Storages({}, known);
  }
  // Of each file it is told with the question for that.
  Object.assign(known.addresses, addresses);
  return storages;
}

async function sniff({ sniff: files, stores, format, spec }: SniffRequest): Promise<SniffAnswer> {
  try {
    const [{ takeSample }, { sniffText }] = await Promise.all([
      import("../../../shared/text-files/text-sample.ts"),
      import("../../../shared/text-files/sniff-text.ts"),
    ]);
    const samples = [];
    const reached = await storagesOf(stores);
    for (const { path, bytes, version } of files)
      samples.push(await takeSample(byteSource(await reached.at(path), path, bytes, version)));
    return { kind: "found", found: await sniffText(samples, format, spec) };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

async function answer({ files, stores, named, text }: FooterRequest): Promise<FooterAnswer> {
  const reached = await storagesOf(stores);
  const schemas = new Map<string, { readonly index: number; readonly schema: FileSchema }>();
  const answers: FileAnswer[] = [];
  for await (const read of readFooterBatch(reached, files, { named, text })) {
    if (read.kind === "failed") {
      answers.push({ kind: "failed", error: errorToData(read.error) });
      continue;
    }
    const { fields, layout, ...footer } = read.footer;
    const schema = { fields, layout };
    const key = JSON.stringify(schema);
    const known = schemas.get(key) ?? { index: schemas.size, schema };
    schemas.set(key, known);
    answers.push({ kind: "read", schema: known.index, ...footer });
  }
  return { schemas: [...schemas.values()].map(({ schema }) => schema), files: answers };
}
