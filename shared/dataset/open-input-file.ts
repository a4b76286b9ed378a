import type { DatasetFile } from "../dataset/dataset-file.ts";
import { openDatasetFile } from "../dataset/open-dataset-file.ts";
import { withPartitions } from "../dataset/partitioned-file.ts";
import { type InputFile, isTextFormat } from "../domain/dataset.ts";
import type { ByteSource } from "../storage/storage.ts";
import type { TextParser } from "./text-parser.ts";

/** Gives a parser of text files, opened when it is first needed. */
export class TextParsers implements AsyncDisposable {
  #parser: Promise<TextParser> | null = null;

  take(): Promise<TextParser> {
    this.#parser ??= import("./text-parser.ts").then(({ TextParser }) => TextParser.open());
    return this.#parser;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const parser = await this.#parser?.catch(() => null);
    await parser?.[Symbol.asyncDispose]();
  }
}

interface OpenOptions {
  readonly parsers: TextParsers;
  readonly signal?: AbortSignal;
}

/**
 * Opens an input file of a plan, whatever its format, with the columns that its folders are.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED}
 */
export async function openInputFile(
  source: ByteSource,
  planned: InputFile,
  options: OpenOptions,
): Promise<DatasetFile> {
  const file = await openOwn(source, planned, options);
  return planned.partitions === undefined ? file : withPartitions(file, planned.partitions);
}

async function openOwn(
  source: ByteSource,
  planned: InputFile,
  { parsers, signal }: OpenOptions,
): Promise<DatasetFile> {
  const { format } = planned;
  if (!isTextFormat(format)) return await openDatasetFile(source, format, signal);
  const [{ openTextFile }, parser] = await Promise.all([import("./text-file.ts"), parsers.take()]);
  return await openTextFile(source, planned, parser);
}
