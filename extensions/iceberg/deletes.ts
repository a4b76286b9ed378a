import { present } from "../../shared/core/assert.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { decodeVector, refuseLargeVector, storedVector } from "../lake/deletion-vector.ts";
import { asDeleted, type DeletedRows } from "../lake/op.ts";
import { filePlace, type TablePlace } from "./file-place.ts";
import { deletedPositions } from "./manifests/deleted-positions.ts";
import { type SnapshotFile, VECTOR_ENDS } from "./manifests/read-manifest.ts";
import { tableCorrupt } from "./metadata/iceberg-error.ts";

/** Vectors read at once. Each is a round trip. */
const READS_AT_ONCE = 32;

const HINT = "compact the table with the tools that write it: rewrite_data_files in Spark";

/** Files of a snapshot: with rows, and with deleted rows. */
interface SnapshotFiles {
  readonly files: readonly SnapshotFile[];
  readonly deletes: readonly SnapshotFile[];
}

/**
 * Returns the deleted rows of data files, by the path that the table has for them. A vector of a file
 * includes all of its deleted rows.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} and the STORE_ codes
 */
export async function deletedRowsOf(
  { files, deletes }: SnapshotFiles,
  { place, storage }: { readonly place: TablePlace; readonly storage: Pick<Storage, "stat" | "read"> },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, DeletedRows>> {
  const vectors = deletes.filter(({ vector }) => vector !== null);
  const positions = deletes
    .filter(({ vector }) => vector === null)
    .map((file) => ({ file, location: filePlace(place, file.path) }));
  const deleted = new Map<string, DeletedRows>();
  for (const [path, stretches] of await deletedPositions({ deletes: positions, files }, storage, signal)) {
    if (Number.isSafeInteger(stretches[0]?.start) && Number(stretches[0]?.start) >= 0)
      deleted.set(path, asDeleted(stretches));
    else
      throw tableCorrupt({
        path: filePlace(place, path),
        where: "deleted rows",
        expected: "rows from 0",
        found: "others",
      });
  }
  const known = new Map(files.map((file) => [file.path, file]));
  await mapConcurrent(vectors, READS_AT_ONCE, async (each) => {
    const { of } = present(each.vector, "only files with a vector are left");
    const data = known.get(of);
    // Deletes concern rows of the same commit and of earlier ones.
    if (data === undefined || data.sequence > each.sequence) return;
    const rows = await readVector(each, filePlace(place, of), { place, storage, signal });
    if (rows === null) deleted.delete(of);
    else deleted.set(of, rows);
  });
  return deleted;
}

async function readVector(
  each: SnapshotFile,
  file: Location,
  {
    place,
    storage,
    signal,
  }: {
    readonly place: TablePlace;
    readonly storage: Pick<Storage, "stat" | "read">;
    readonly signal: AbortSignal;
  },
): Promise<DeletedRows | null> {
  const { offset, bytes } = present(each.vector, "the file has a vector");
  const vector = { file, bytes: bytes - VECTOR_ENDS, rows: each.rows, hint: HINT };
  refuseLargeVector(vector);
  const content = await storedVector(vector, { path: filePlace(place, each.path), offset }, storage, signal);
  return await decodeVector(vector, content);
}
