import type { RecordBatch } from "apache-arrow";
import { NEVER } from "../core/abort.ts";
import { errorToData } from "../core/errors.ts";
import { openDatasetFile } from "../dataset/open-dataset-file.ts";
import { streamParquet } from "../dataset/stream-parquet.ts";
import { reductionPartOf } from "../domain/features.ts";
import { parseLocation } from "../domain/location.ts";
import { answerIsolated } from "../onnx/isolated.ts";
import { createFile } from "../storage/local-file.ts";
import { Storages } from "../storage/open-storage.ts";
import { byteSource } from "../storage/storage.ts";
import type { FinalAnswer, FinalQuestion } from "./by-program.ts";

/** Child process of `reduceByProgram`. */

async function reduce({ key, source, files, target }: FinalQuestion): Promise<FinalAnswer> {
  try {
    await using reduction = await reductionPartOf(key).open(source);
    const table = await reduction.final(batchesOf(files), NEVER);
    await using file = await createFile(target);
    for await (const bytes of streamParquet(table)) await file.append(bytes);
    return { kind: "made", rows: table.numRows };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

async function* batchesOf(files: FinalQuestion["files"]): AsyncGenerator<RecordBatch, void> {
  await using storages = new Storages({});
  for (const { path, bytes } of files) {
    const location = parseLocation(path);
    using file = await openDatasetFile(
      byteSource(await storages.at(location), location, bytes),
      "parquet",
      NEVER,
    );
    const columns = file.schema.fields.map(({ name }) => name);
    yield* file.read({ rowStart: 0, rowEnd: file.rows, columns, signal: NEVER });
  }
}

answerIsolated((question) => reduce(question as FinalQuestion));
