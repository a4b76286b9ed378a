import type { TarIndex } from "./op.ts";
import { type IndexedMember, unpackMembers } from "./packed-members.ts";

/** Consecutive rows that are read together, and become a record batch. */
export interface RowRun {
  /** Row of the file that is the first of the run. */
  readonly rowStart: number;
  readonly keys: readonly string[];
  /** Wanted members of all rows, in the order of the tar. */
  readonly members: readonly IndexedMember[];
  /** Places of each row's members in `members`, by ending. */
  readonly rows: readonly ReadonlyMap<number, number>[];
  /** Bytes of the wanted members. */
  readonly bytes: number;
}

interface Wanted {
  readonly rowStart: number;
  readonly rowEnd: number;
  /** Places of the wanted columns in the form. */
  readonly columns: readonly number[];
}

/** Limits of a run: bytes in memory, and rows, whose members may be as many requests. */
const RUN_BYTES = 8 << 20;
const RUN_ROWS = 256;

interface OpenRun extends RowRun {
  keys: string[];
  members: IndexedMember[];
  rows: Map<number, number>[];
  bytes: number;
}

function* runsOf(
  { stretches, firstRow }: TarIndex,
  { rowStart, rowEnd, columns }: Wanted,
): Generator<RowRun> {
  const endings = new Set(columns.map((column) => column - 1));
  let run: OpenRun | null = null;
  let row = firstRow - 1;
  for (const { keys, members: packed, start } of stretches) {
    if (row + keys.length < rowStart || row + 1 >= rowEnd) {
      row += keys.length;
      continue;
    }
    for (const [at, all] of unpackMembers(packed, start).entries()) {
      row += 1;
      if (row < rowStart || row >= rowEnd) continue;
      const members = all.filter(({ ending }) => endings.has(ending));
      const bytes = members.reduce((sum, member) => sum + member.bytes, 0);
      if (run !== null && (run.bytes + bytes > RUN_BYTES || run.keys.length >= RUN_ROWS)) {
        yield run;
        run = null;
      }
      run ??= { rowStart: row, keys: [], members: [], rows: [], bytes: 0 };
      const { length } = run.members;
      run.rows.push(new Map(members.map(({ ending }, place) => [ending, length + place])));
      run.members.push(...members);
      run.keys.push(keys[at] ?? "");
      run.bytes += bytes;
    }
  }
  if (run !== null) yield run;
}

/** Cuts the wanted rows of an index into runs, with only the wanted members. */
export function rowRuns(index: TarIndex, wanted: Wanted): readonly RowRun[] {
  return [...runsOf(index, wanted)];
}
