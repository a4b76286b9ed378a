import { encodeHeader, encodeRecord } from "../../../../coordinator/journal/framing.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { shardId } from "../../../../shared/domain/shard.ts";

export function started(generation: number): JournalRecord {
  return {
    kind: "generationStarted",
    generation,
    build: "test",
    mapping: "m",
    wallMs: 0,
    previousBytes: 0,
    previousCrc32: 0,
  };
}

export function granted(sequence: number): JournalRecord {
  return {
    kind: "leaseGranted",
    shard: shardId(sequence),
    token: { generation: 1, sequence },
    worker: "wörker-ÿ",
    backup: false,
  };
}

/** Returns a segment of generation 1 with `count` records after its start, and the offset of each frame. */
export function aSegment(count: number): { bytes: Buffer; records: JournalRecord[]; starts: number[] } {
  const records = [started(1), ...Array.from({ length: count }, (_, index) => granted(index + 1))];
  const parts = [encodeHeader(1)];
  const starts: number[] = [];
  let at = parts[0]?.length ?? 0;
  for (const record of records) {
    const frame = encodeRecord(record);
    starts.push(at);
    at += frame.length;
    parts.push(frame);
  }
  return { bytes: Buffer.concat(parts), records, starts };
}
