import { isShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { type Location, nameOf } from "../../shared/domain/location.ts";
import type { LakeFile, ReadLakeTable } from "../../shared/extension/format.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { DeletedRows } from "../lake/op.ts";
import { fileGone, noRows } from "../lake/table-error.ts";
import { deletedRowsOf } from "./deletes.ts";
import { filePlace, type TablePlace } from "./file-place.ts";
import { type Manifest, manifestsOf } from "./manifests/manifest-list.ts";
import { readManifest, type SnapshotFile } from "./manifests/read-manifest.ts";
import { findMetadata } from "./metadata/find-metadata.ts";
import { tableCorrupt, tableUnsupported } from "./metadata/iceberg-error.ts";
import { type RequestedSnapshot, snapshotToRead } from "./metadata/snapshot-to-read.ts";
import { type PartitionField, readMetadata, type TableMetadata } from "./metadata/table-metadata.ts";
import { type IcebergField, readTableSchema } from "./metadata/table-schema.ts";
import { mappedNames } from "./name-mapping.ts";
import type { FieldIds, IcebergForm, IcebergIndex } from "./op.ts";
import { partitionText } from "./partition-text.ts";
import type { IcebergSpec } from "./spec.ts";

/** Requests at once. Each is a round trip. */
const REQUESTS_AT_ONCE = 32;

/** Manifests in memory at once. */
const MANIFESTS_AT_ONCE = 4;

/** Limit of the files of a snapshot. Each takes about a kilobyte of memory. */
const MOST_FILES = 2_000_000;

interface Reading {
  readonly metadata: TableMetadata;
  readonly place: TablePlace;
  readonly columns: readonly IcebergField[];
  readonly form: IcebergForm;
  readonly storage: Storage;
  readonly signal: AbortSignal;
}

/**
 * Reads one snapshot of an Iceberg table from its metadata. Returns its files, and the values that they lack.
 * Reads no data file, and checks that each is there. Null: the folder is no Iceberg table.
 *
 * @throws {SPEC_INVALID} for a snapshot that the table does not have
 * @throws {INPUT_NOT_FOUND} when the snapshot has no files, or a file of it is gone
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} and the STORE_ codes
 */
export const readTable: ReadLakeTable = async (table, { storage, options, signal }) => {
  const spec = (options ?? {}) as IcebergSpec;
  const path = await findMetadata(table, { storage, requested: spec.metadata }, signal);
  if (path === null) return null;
  const metadata = await readMetadata(path, storage, signal);
  const requested = snapshotToRead(metadata, spec);
  if (requested === null) throw noRows(table, "the Iceberg table");
  const { columns, form } = formOf(metadata, requested, spec);
  const place = { table, location: metadata.location };
  const reading = { metadata, place, columns, form, storage, signal };
  const { snapshot } = requested;
  const { files, deletes } = await filesOf(requested, reading);
  if (files.length === 0) throw noRows(table, `snapshot ${snapshot.id} of the Iceberg table`);
  const located = files.map((file) => ({ path: filePlace(place, file.path), file }));
  located.sort((a, b) => (a.path < b.path ? -1 : 1));
  const twice = located.find(({ path: own }, at) => own === located[at + 1]?.path);
  if (twice !== undefined)
    throw tableCorrupt({
      path: twice.path,
      where: "snapshot",
      expected: "each file once",
      found: "it twice",
    });
  const deleted = await deletedRowsOf({ files, deletes }, { place, storage }, signal);
  return {
    files: await mapConcurrent(located, REQUESTS_AT_ONCE, (each) =>
      look({ ...each, deleted: deleted.get(each.file.path) ?? null }, reading),
    ),
  };
};

function formOf(
  metadata: TableMetadata,
  { snapshot, schema }: RequestedSnapshot,
  spec: IcebergSpec,
): Pick<Reading, "columns" | "form"> {
  const { path, schemas } = metadata;
  const found = schemas.get(schema);
  if (found === undefined)
    throw tableCorrupt({ path, where: "schemas", expected: `one with the id ${schema}`, found: "none" });
  const columns = readTableSchema(found, path);
  if (columns.length === 0)
    throw tableUnsupported(path, "a schema without columns", "add a column to the table");
  const form: IcebergForm = {
    kind: "iceberg",
    snapshot: snapshot.id,
    options: { ...spec, metadata: nameOf(path) },
    fields: columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
    ids: columns.map(idsOf),
    names: mappedNames(metadata),
  };
  return { columns, form };
}

function idsOf({ id, inner }: IcebergField): FieldIds {
  return { id, inner: inner.map(idsOf) };
}

async function filesOf({ snapshot }: RequestedSnapshot, reading: Reading) {
  const { place, storage, signal } = reading;
  const list = snapshot.list === null ? null : filePlace(place, snapshot.list);
  const manifests = await manifestsOf(snapshot, list, storage, signal);
  const files: SnapshotFile[] = [];
  const deletes: SnapshotFile[] = [];
  await mapConcurrent(manifests, MANIFESTS_AT_ONCE, async (manifest: Manifest) => {
    const path = filePlace(place, manifest.path);
    for await (const file of readManifest(path, manifest, storage, signal)) {
      (manifest.hasDeletes ? deletes : files).push(file);
      if (files.length + deletes.length > MOST_FILES)
        throw tableUnsupported(path, `more than ${MOST_FILES} files in a snapshot`, "compact the table");
    }
  });
  refuseFewer(list ?? reading.metadata.path, snapshot, { files: files.length, deletes: deletes.length });
  return { files, deletes };
}

/** Lists that are cut behind a block are whole lists of fewer manifests. The snapshot counts all files. */
function refuseFewer(
  path: Location,
  { id, counted }: RequestedSnapshot["snapshot"],
  found: { readonly files: number; readonly deletes: number },
): void {
  for (const [key, what] of [
    ["files", "files with rows"],
    ["deletes", "files with deleted rows"],
  ] as const) {
    const expected = counted[key];
    if (expected !== null && found[key] < expected)
      throw tableCorrupt({
        path,
        where: "manifests",
        expected: `${expected} ${what}, by the summary of snapshot ${id}`,
        found: String(found[key]),
      });
  }
}

interface LocatedFile {
  readonly path: Location;
  readonly file: SnapshotFile;
  readonly deleted: DeletedRows | null;
}

async function look(
  { path, file, deleted }: LocatedFile,
  { metadata, columns, form, storage, signal }: Reading,
): Promise<LakeFile> {
  const stat = await storage.stat(path, signal).catch((error: unknown) => {
    throw isShardmillError(error, "STORE_NOT_FOUND") ? expired(path, form.snapshot) : error;
  });
  if (stat.bytes !== file.bytes)
    throw tableCorrupt({
      path,
      where: "size",
      expected: `${file.bytes} bytes`,
      found: `${stat.bytes} bytes`,
    });
  const values = valuesOf(path, file, { columns, spec: metadata.specs.get(file.spec) });
  const index: IcebergIndex = { form, values, deleted };
  return { path, stat, index };
}

/** Returns the values of columns that a partition has as they are. A file need not have these columns. */
function valuesOf(
  path: string,
  { spec: id, partition }: SnapshotFile,
  {
    columns,
    spec,
  }: { readonly columns: readonly IcebergField[]; readonly spec: readonly PartitionField[] | undefined },
): IcebergIndex["values"] {
  if (spec === undefined || spec.length !== partition.length) {
    const found = spec === undefined ? "none" : `${spec.length} fields, and a file with ${partition.length}`;
    throw tableCorrupt({ path, where: "partition", expected: `specification ${id}`, found });
  }
  return Object.fromEntries(
    spec.flatMap(({ source, transform }, at): [string, string | null][] => {
      const column = transform === "identity" ? columns.find(({ id: own }) => own === source) : undefined;
      if (column === undefined) return [];
      const value = partition[at] ?? null;
      if (value === null) return [[String(source), null]];
      const text = partitionText(value, column.type);
      // Other types are always in the file, as all writers but Hive keep the columns of partitions.
      return text === undefined ? [] : [[String(source), text]];
    }),
  );
}

function expired(path: Location, snapshot: string): Error {
  const hint = "files of expired snapshots are removed: read the current snapshot, or restore the file";
  return fileGone(path, `snapshot ${snapshot} of its Iceberg table`, hint);
}
