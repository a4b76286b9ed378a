interface Green {
  readonly submission: number;
  readonly date: string | null;
  readonly commit: string | null;
}

interface StageRecord {
  readonly submissions: number;
  readonly stages: Readonly<Record<string, Green>>;
}

export const MOST_SUBMISSIONS: number;
export function orderStages(record: StageRecord): { readonly name: string; readonly isDue: boolean }[];
export function recordGreen(
  record: StageRecord,
  green: readonly string[],
  now: { readonly date: string; readonly commit: string },
): StageRecord;
