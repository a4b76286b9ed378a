import type { RunHistory } from "../../shared/domain/run-history.ts";

/** History of a run with one worker and one shard. A name looks like a column of numbers. */
export const HISTORY: RunHistory = {
  began: "2026-01-01T00:00:00.000Z",
  seconds: 9.5,
  phases: [{ phase: "running", from: 1 }],
  pace: { at: [1, 2.5], rowsDone: [0, 7], workers: [1, 1] },
  attempts: 1,
  backups: 0,
  ends: {
    lost: 0,
    failed: 0,
    rejected: 0,
    expired: 0,
    superseded: 0,
    interrupted: 0,
    released: 0,
    committed: 1,
  },
  commits: 1,
  revocations: 0,
  durations: { from: [1.448], attempts: [1] },
  slowest: [{ shard: 0, worker: "[\n 1\n]", seconds: 1.5 }],
  workerSeconds: 8.5,
  deviceSeconds: 0,
  workers: [
    {
      name: "node1-cpu0",
      device: "cpu",
      connectedSeconds: 8.5,
      rows: 7,
      ends: {
        lost: 0,
        failed: 0,
        rejected: 0,
        expired: 0,
        superseded: 0,
        interrupted: 0,
        released: 0,
        committed: 1,
      },
      stages: { infer: 0.9 },
      batchRows: 7,
      padding: null,
      spans: { line: [0], from: [1], to: [2.5], shard: [0], attempts: [1], end: ["committed"], backup: [0] },
    },
  ],
  workersOmitted: 0,
  deadLetters: [{ stage: "infer", code: "ROW_FAILED", shards: 1, file: "a.parquet", row: 3, message: "no" }],
};

/** Returns a history of three workers and a hundred attempts, of which some failed. */
export function aBusyRun(): RunHistory {
  const ends = {
    lost: 1,
    failed: 4,
    rejected: 1,
    expired: 2,
    superseded: 2,
    interrupted: 0,
    released: 1,
    committed: 289,
  };
  const wrong = ["failed", "lost", "expired", "superseded", "interrupted", "released", "rejected"] as const;
  const worker = (index: number): RunHistory["workers"][number] => {
    const spans = Array.from({ length: 100 }, (_, at) => ({
      line: at % 3,
      from: 60 + Math.floor(at / 3) * 215 + (at % 3) * 40,
      to: 60 + Math.floor(at / 3) * 215 + 200 + (at % 3) * 40,
      shard: at * 3 + index,
      attempts: 1,
      end: at % 31 === 7 ? (wrong[(at + index) % wrong.length] ?? "failed") : ("committed" as const),
      backup: at % 40 === 11 ? 1 : 0,
    }));
    return {
      name: `gpu-node-${index}-cuda0`,
      device: "cuda",
      connectedSeconds: 7_300,
      rows: 480_000,
      ends,
      stages: { read: 0.08, decode: 0.31, tensorize: 0.12, infer: 0.93, encode: 0.2 },
      batchRows: 256,
      padding: 0.11,
      spans: {
        line: spans.map(({ line }) => line),
        from: spans.map(({ from }) => from),
        to: spans.map(({ to }) => to),
        shard: spans.map(({ shard }) => shard),
        attempts: spans.map(({ attempts }) => attempts),
        end: spans.map(({ end }) => end),
        backup: spans.map(({ backup }) => backup),
      },
    };
  };
  const at = Array.from({ length: 60 }, (_, index) => 60 + index * 122);
  return {
    ...HISTORY,
    seconds: 7_380,
    phases: [{ phase: "running", from: 42 }],
    pace: {
      at,
      rowsDone: at.map((seconds, index) => Math.round(seconds * (80_000 + 5_000 * Math.sin(index / 5)))),
      workers: at.map(() => 3),
    },
    attempts: 300,
    backups: 9,
    ends,
    commits: 289,
    durations: { from: [64, 90.5, 128, 181, 256], attempts: [12, 60, 140, 64, 13] },
    slowest: [{ shard: 17, worker: "gpu-node-1-cuda0", seconds: 402 }],
    workerSeconds: 21_900,
    deviceSeconds: 21_900,
    workers: [worker(0), worker(1), worker(2)],
  };
}
