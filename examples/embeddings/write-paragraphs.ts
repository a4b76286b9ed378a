import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Int32, Table, Utf8, vectorFromArray } from "apache-arrow";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { type Paragraph, readParagraphs } from "./paragraphs.ts";

const FILE_ROWS = 4_000;

/** Writes the corpus as `part-*.parquet` of `id`, `source` and `text` into the existing `folder`. */
export async function writeParagraphs(folder: string): Promise<void> {
  const paragraphs = readParagraphs();
  for (let start = 0; start < paragraphs.length; start += FILE_ROWS) {
    const bytes = encodeParquet(tableOf(paragraphs.slice(start, start + FILE_ROWS)), { rowGroupRows: 1_000 });
    await writeFile(join(folder, `part-${start / FILE_ROWS}.parquet`), bytes);
  }
}

function tableOf(paragraphs: readonly Paragraph[]): Table {
  return new Table({
    id: vectorFromArray(
      paragraphs.map(({ id }) => id),
      new Int32(),
    ),
    source: vectorFromArray(
      paragraphs.map(({ source }) => source),
      new Utf8(),
    ),
    text: vectorFromArray(
      paragraphs.map(({ text }) => text),
      new Utf8(),
    ),
  });
}
