import { canonicalJson, type Digest, sha256 } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { inputCorrupt, inputUnsupported } from "../../shared/dataset/input-errors.ts";
import type { FormatPlanner } from "../../shared/extension/format.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import { type FoundTar, findColumns } from "./find-columns.ts";
import { splitName } from "./member-name.ts";
import type { TarForm, TarIndex, TarStretch } from "./op.ts";
import { type IndexedMember, packMembers } from "./packed-members.ts";
import { PieceReader } from "./piece-reader.ts";
import { contentOf, packingOf } from "./tar-content.ts";
import { type TarMember, walkTar } from "./walk-tar.ts";

/** Size of a stretch, the smallest part of an index in a lease. Smaller ones make a longer index. */
const STRETCH_BYTES = 1 << 20;

/** Most rows in a stretch, so that a lease of few rows stays small. */
const STRETCH_ROWS = 1_024;

/** Planner of WebDataset files. */
export const tarPlanner: FormatPlanner = {
  findForm: findColumns,
  async indexFile(source, found, signal) {
    const indexed = await indexTar(source, (found as FoundTar).form, signal);
    const rowGroups = indexed.index.stretches.map(({ keys, bytes }) => ({ rows: keys.length, bytes }));
    return { ...indexed, rowGroups, undecoded: null };
  },
};

interface IndexedTar {
  readonly index: TarIndex;
  readonly rows: number;
  /** SHA-256 of the index, which includes the form and the checksums of all members. */
  readonly sha256: Digest;
}

/**
 * Reads a tar once, from start to end, and indexes its rows. Adjacent members with one stem are a row, as in
 * the webdataset library. A stem that comes again later begins another row.
 *
 * @throws {INPUT_CORRUPT} when the tar is damaged, or a row has two members with one ending
 * @throws {INPUT_UNSUPPORTED} when a member is sparse, a link, or of an unknown type
 * @throws {INPUT_SCHEMA_MIXED} when a member's ending is no column
 */
export async function indexTar(source: ByteSource, form: TarForm, signal: AbortSignal): Promise<IndexedTar> {
  const { path } = source;
  const packing = await packingOf(source, signal);
  const rows = new RowGroups();
  const places = new Map(form.fields.slice(1).map(({ name }, place) => [name, place]));
  const reader = new PieceReader(contentOf(source, packing, signal));
  try {
    for await (const member of walkTar(reader, path)) {
      const parts = member.kind === "other" ? null : splitName(member.name);
      if (parts === null) continue;
      const place = places.get(parts.ending);
      if (place === undefined && !form.skipsOthers) throw unknownEnding(path, member, parts.ending, form);
      if (place !== undefined && member.kind === "link") throw linkRefused(path, member);
      const first = rows.add(parts.key, place ?? null, member);
      if (first !== null) throw duplicate(path, member, first);
    }
  } finally {
    await reader.end();
  }
  const stretches = rows.finish();
  const index: TarIndex = { form, packing, firstRow: 0, stretches };
  const count = stretches.reduce((sum, { keys }) => sum + keys.length, 0);
  return { index, rows: count, sha256: sha256(canonicalJson(index)) };
}

interface Row {
  readonly key: string;
  /** Members by their endings, with the offsets of their headers. */
  readonly members: Map<number, IndexedMember & { readonly at: number }>;
}

/** Groups members into rows, and rows into stretches. */
class RowGroups {
  readonly #stretches: TarStretch[] = [];
  #rows: Row[] = [];
  #start = 0;
  #end = 0;

  /** @returns null, or the offset of the row's other member with this ending */
  add(key: string, ending: number | null, { at, start, bytes, crc32 }: TarMember): number | null {
    let row = this.#rows.at(-1);
    if (row?.key !== key) {
      if (this.#rows.length >= STRETCH_ROWS || this.#end - this.#start >= STRETCH_BYTES) this.#cut();
      if (this.#rows.length === 0) this.#start = at;
      row = { key, members: new Map() };
      this.#rows.push(row);
    }
    this.#end = start + bytes;
    if (ending === null) return null;
    const first = row.members.get(ending);
    if (first !== undefined) return first.at;
    row.members.set(ending, { ending, start, bytes, crc32, at });
    return null;
  }

  finish(): readonly TarStretch[] {
    if (this.#rows.length > 0) this.#cut();
    return this.#stretches;
  }

  #cut(): void {
    const members = this.#rows.map((row) => [...row.members.values()]);
    this.#stretches.push({
      start: this.#start,
      bytes: this.#end - this.#start,
      keys: this.#rows.map(({ key }) => key),
      members: packMembers(members, this.#start),
    });
    this.#rows = [];
  }
}

function shown({ name, at }: TarMember): string {
  return `${JSON.stringify(name)} at byte ${at}`;
}

function duplicate(path: string, member: TarMember, first: number): ShardmillError {
  return inputCorrupt({
    path,
    where: `member ${shown(member)}`,
    expected: "one member for each stem and ending",
    found: `a second member with its stem and ending, after that at byte ${first}`,
  });
}

function linkRefused(path: string, member: TarMember): ShardmillError {
  const hint = "write the tar with `tar --dereference --hard-dereference`, so that it has the content";
  return inputUnsupported(path, `a link in place of a file (${shown(member)})`, hint);
}

function unknownEnding(path: string, member: TarMember, ending: string, { fields }: TarForm): ShardmillError {
  const known = fields.slice(1).map(({ name }) => name);
  const all = [...known, ending].map((each) => JSON.stringify(each)).join(", ");
  const hint = `list all endings that are columns, such as input.webdataset: { endings: [${all}] }`;
  const what = `the ending of member ${shown(member)} is no column`;
  return new ShardmillError("INPUT_SCHEMA_MIXED", `${path}: ${what}`, {
    fields: { path, ending },
    problems: [
      {
        where: path,
        what,
        expected: `an ending of the first rows: ${known.join(", ")}`,
        found: ending,
        hint,
      },
    ],
    hint,
  });
}
