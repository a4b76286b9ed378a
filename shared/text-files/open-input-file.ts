import type { DatasetFile } from "../dataset/dataset-file.ts";
import { openDatasetFile } from "../dataset/open-dataset-file.ts";
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

/**
 * Opens an input file of a plan, whatever its format.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED}
 */
export async function openInputFile(
  source: ByteSource,
  planned: InputFile,
  { parsers, signal }: { parsers: TextParsers; signal?: AbortSignal },
): Promise<DatasetFile> {
  const { format } = planned;
  if (!isTextFormat(format)) return await openDatasetFile(source, format, signal);
  const [{ openTextFile }, parser] = await Promise.all([import("./text-file.ts"), parsers.take()]);
  return await openTextFile(source, planned, parser);
}
