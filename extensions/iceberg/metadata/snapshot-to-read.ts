import { optionsInvalid } from "../../lake/table-error.ts";
import { tableCorrupt } from "./iceberg-error.ts";
import type { Snapshot, TableMetadata } from "./table-metadata.ts";

/** Snapshot that a job reads. */
export interface RequestedSnapshot {
  readonly snapshot: Snapshot;
  /** Id of the schema to read it with. */
  readonly schema: number;
}

/** Options that select a snapshot, at most one of them. */
interface SnapshotOptions {
  readonly snapshot?: string;
  readonly asOf?: string;
  readonly ref?: string;
}

/**
 * Returns the snapshot that a job reads: the requested one, or the current. Null: the table is empty.
 *
 * @throws {SPEC_INVALID} when the table has no such snapshot
 */
export function snapshotToRead(table: TableMetadata, options: SnapshotOptions): RequestedSnapshot | null {
  const { snapshot, asOf, ref } = options;
  if ([snapshot, asOf, ref].filter((each) => each !== undefined).length > 1)
    throw optionsInvalid({
      where: "input.iceberg",
      what: "has several of snapshot, asOf and ref",
      hint: "leave only one of them",
    });
  if (snapshot !== undefined) return past(table, snapshot, "input.iceberg.snapshot");
  if (asOf !== undefined) return past(table, idAt(table, asOf), "input.iceberg.asOf");
  if (ref !== undefined) return atRef(table, ref);
  return table.current === null ? null : present(table, table.current);
}

/** A branch is read with the schema of the table, and a tag with that of its snapshot. */
function atRef(table: TableMetadata, ref: string): RequestedSnapshot {
  const found = table.refs.get(ref);
  if (found === undefined)
    throw optionsInvalid({
      where: "input.iceberg.ref",
      what: `is no branch or tag of the table (${table.path})`,
      expected: [...table.refs.keys()].slice(0, 20).join(", ") || "none: the table has no branches or tags",
      found: ref,
    });
  return found.isTag ? past(table, found.snapshot, "input.iceberg.ref") : present(table, found.snapshot);
}

function present(table: TableMetadata, id: string): RequestedSnapshot {
  const snapshot = table.snapshots.get(id);
  if (snapshot !== undefined) return { snapshot, schema: table.currentSchema };
  const { path } = table;
  throw tableCorrupt({ path, where: "snapshots", expected: `one with the id ${id}`, found: "none" });
}

function past(table: TableMetadata, id: string, where: string): RequestedSnapshot {
  const snapshot = table.snapshots.get(id);
  if (snapshot !== undefined) return { snapshot, schema: snapshot.schema ?? table.currentSchema };
  throw optionsInvalid({
    where,
    what: `is no snapshot that the table still has (${table.path})`,
    found: id,
    hint: "snapshots expire: read a later one",
  });
}

function idAt({ path, history }: TableMetadata, asOf: string): string {
  const until = Date.parse(asOf);
  const found = history.findLast(({ at }) => at <= until);
  if (found !== undefined) return found.snapshot;
  throw optionsInvalid({
    where: "input.iceberg.asOf",
    what: `is before the first snapshot that is left (${path})`,
    found: asOf,
    hint: "set a later time",
  });
}
