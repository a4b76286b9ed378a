import * as z from "zod";
import type { Location } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { shown } from "../../lake/table-error.ts";
import { tableCorrupt, tableUnsupported } from "../metadata/iceberg-error.ts";
import type { Snapshot } from "../metadata/table-metadata.ts";
import { readAvro } from "./read-avro.ts";

/** Manifest of a snapshot: a file that lists data files, or files with deleted rows. */
export interface Manifest {
  /** Path as the table has it. */
  readonly path: string;
  /** Size of the file. Null: unknown. */
  readonly bytes: bigint | null;
  /** Specification of the partitions of its files. */
  readonly spec: number;
  readonly hasDeletes: boolean;
  /** Number that files without their own inherit. */
  readonly sequence: bigint;
}

/** Limit of the manifests of a snapshot. Each lists thousands of files. */
const MOST_MANIFESTS = 100_000;

const MANIFEST = z.object({
  manifest_path: z.string().min(1).max(4_096),
  manifest_length: z.bigint(),
  partition_spec_id: z.int(),
  content: z.int().default(0),
  sequence_number: z.bigint().default(0n),
  key_metadata: z.unknown().nullish(),
});

/**
 * Returns the manifests of a snapshot.
 *
 * @param list location of their list. Null: the snapshot has none
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} and the STORE_ codes
 */
export async function manifestsOf(
  snapshot: Snapshot,
  list: Location | null,
  storage: Pick<Storage, "stat" | "read">,
  signal: AbortSignal,
): Promise<readonly Manifest[]> {
  if (list === null)
    return snapshot.manifests.map((path) => ({
      path,
      bytes: null,
      spec: 0,
      hasDeletes: false,
      sequence: 0n,
    }));
  const { records } = await readAvro(list, storage, signal);
  const manifests: Manifest[] = [];
  for (const record of records) {
    const found = MANIFEST.safeParse({ ...(record as object) });
    if (!found.success) {
      const where = `manifest ${manifests.length}`;
      const [issue] = found.error.issues;
      const what = `${issue?.path.join(".")}: ${issue?.message}`;
      throw tableCorrupt({ path: list, where, expected: "facts of a manifest", found: what });
    }
    const { data } = found;
    if (data.key_metadata !== undefined && data.key_metadata !== null)
      throw tableUnsupported(list, "encrypted manifests");
    if (data.content !== 0 && data.content !== 1)
      throw tableUnsupported(list, `manifests of kind ${shown(data.content)}`);
    manifests.push({
      path: data.manifest_path,
      bytes: data.manifest_length,
      spec: data.partition_spec_id,
      hasDeletes: data.content === 1,
      sequence: data.sequence_number,
    });
    if (manifests.length > MOST_MANIFESTS)
      throw tableUnsupported(list, `more than ${MOST_MANIFESTS} manifests`, "rewrite its manifests");
  }
  return manifests;
}
