import * as z from "zod";
import type { Location } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { shown } from "../../lake/table-error.ts";
import { tableCorrupt, tableUnsupported } from "../metadata/iceberg-error.ts";
import type { Manifest } from "./manifest-list.ts";
import { readAvro } from "./read-avro.ts";

/** File of a snapshot: rows of the table, or deleted rows. */
export interface SnapshotFile {
  /** Path as the table has it. */
  readonly path: string;
  readonly bytes: number;
  readonly rows: number;
  /** Order of the commit that added its rows. Deletes concern rows of earlier commits only. */
  readonly sequence: bigint;
  readonly spec: number;
  /** Values of the partition, in the order of the specification's fields. */
  readonly partition: readonly unknown[];
  /** Deletion vector of a data file, in a file of several. Null: rows, or positions in Parquet. */
  readonly vector: VectorEntry | null;
}

interface VectorEntry {
  /** Path of the data file, as the table has it. */
  readonly of: string;
  readonly offset: number;
  /** Bytes of the vector with its length and checksum. */
  readonly bytes: number;
}

/** State of an entry: a file that an earlier snapshot had, and this one has not. */
const DELETED = 2;

const CONTENT = { rows: 0, positions: 1, equality: 2 } as const;

const WHOLE = z.bigint().min(0n).max(BigInt(Number.MAX_SAFE_INTEGER)).transform(Number);

const ENTRY = z.object({
  status: z.int().min(0).max(2),
  sequence_number: z.bigint().nullish(),
  data_file: z.object({
    content: z.int().default(CONTENT.rows),
    file_path: z.string().min(1).max(4_096),
    file_format: z.string(),
    record_count: WHOLE,
    file_size_in_bytes: WHOLE,
    key_metadata: z.unknown().nullish(),
    referenced_data_file: z.string().nullish(),
    content_offset: WHOLE.nullish(),
    content_size_in_bytes: WHOLE.nullish(),
  }),
});

/**
 * Yields the files that a manifest adds to its snapshot.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} and the STORE_ codes
 */
export async function* readManifest(
  path: Location,
  manifest: Manifest,
  storage: Pick<Storage, "stat" | "read">,
  signal: AbortSignal,
): AsyncGenerator<SnapshotFile, void, undefined> {
  const { bytes } = await storage.stat(path, signal);
  if (manifest.bytes !== null && BigInt(bytes) !== manifest.bytes)
    throw tableCorrupt({ path, where: "size", expected: `${manifest.bytes} bytes`, found: `${bytes} bytes` });
  const { header, records } = await readAvro(path, storage, signal);
  // Tables of version 1 may have no list of manifests, and the id is in the manifest.
  const spec = manifest.bytes === null ? Number(header["partition-spec-id"] ?? 0) : manifest.spec;
  let at = 0;
  for (const record of records) {
    const found = ENTRY.safeParse(record);
    if (!found.success) {
      const [issue] = found.error.issues;
      const what = `${issue?.path.join(".")}: ${issue?.message}`;
      throw tableCorrupt({ path, where: `entry ${at}`, expected: "facts of a file", found: what });
    }
    at += 1;
    const { status, sequence_number: sequence, data_file: file } = found.data;
    if (status === DELETED) continue;
    refuse(path, file, manifest);
    yield {
      path: file.file_path,
      bytes: file.file_size_in_bytes,
      rows: file.record_count,
      sequence: sequence ?? manifest.sequence,
      spec,
      partition: partitionOf(record),
      vector: vectorOf(path, file),
    };
  }
}

type FoundFile = z.infer<typeof ENTRY>["data_file"];

function refuse(path: string, file: FoundFile, { hasDeletes }: Manifest): void {
  if (file.key_metadata !== undefined && file.key_metadata !== null)
    throw tableUnsupported(path, "encrypted data files");
  if (file.content === CONTENT.equality)
    throw tableUnsupported(
      path,
      "rows that are deleted by the values of columns (equality deletes)",
      "compact the table with the tools that write it: rewrite_data_files with delete-file-threshold 1 in Spark",
    );
  if ((file.content === CONTENT.positions) !== hasDeletes)
    throw tableCorrupt({
      path,
      where: file.file_path,
      expected: hasDeletes ? "files with deleted rows" : "files with rows",
      found: `content ${shown(file.content)}`,
    });
  if (!FORMATS.has(file.file_format.toUpperCase()) || (isVector(file) && !hasDeletes))
    throw tableUnsupported(path, `files of format ${shown(file.file_format)}`);
}

const FORMATS = new Set(["PARQUET", "PUFFIN"]);

function isVector({ file_format: format }: FoundFile): boolean {
  return format.toUpperCase() === "PUFFIN";
}

function vectorOf(path: string, file: FoundFile): VectorEntry | null {
  if (!isVector(file)) return null;
  const { referenced_data_file: of, content_offset: offset, content_size_in_bytes: bytes } = file;
  if (
    typeof of === "string" &&
    typeof offset === "number" &&
    typeof bytes === "number" &&
    bytes >= VECTOR_ENDS
  )
    return { of, offset, bytes };
  throw tableCorrupt({
    path,
    where: file.file_path,
    expected: "the place of a vector, and its data file",
    found: "none",
  });
}

/** Bytes of the length and the checksum of a vector. */
export const VECTOR_ENDS = 8;

function partitionOf(record: unknown): readonly unknown[] {
  const { data_file: file } = record as { readonly data_file: { readonly partition?: object } };
  return Object.values(file.partition ?? {});
}
