import { formatBytes, formatCount, formatSeconds } from "../../shared/core/units.ts";
import { ROW_COUNTS } from "../../shared/domain/row-counts.ts";
import { deviceLine } from "../../shared/terminal/device-text.ts";
import { counted, oneLine } from "../../shared/terminal/text.ts";
import { verdictEntries } from "../../shared/terminal/verdict-text.ts";
import type { Estimate } from "./estimate-job.ts";
import type { FailedRows, SampleTruncated } from "./sample-figures.ts";

/** Returns the lines that describe an estimate: see `labelled`. */
export function estimateEntries(estimate: Estimate): [label: string, value: string | null][] {
  const { failedRows, truncated } = estimate;
  // The speed of failing rows does not predict the speed of mapped rows.
  if (failedRows !== null && failedRows.rows === failedRows.ofRows)
    return [["sample", failedRowsText(failedRows)]];
  return [
    ["sample", failedRows === null ? null : failedRowsText(failedRows)],
    ["truncated", truncated === null ? null : ROW_COUNTS.rowsTruncated.shown.summary(shareText(truncated))],
    ["time", timeText(estimate)],
    ["speed", speedText(estimate)],
    ["memory", memoryText(estimate)],
    ["cost", costText(estimate)],
    ["device check", estimate.deviceReport === null ? null : deviceLine(estimate.deviceReport)],
    ...verdictEntries(estimate.verdict),
  ];
}

function shareText({ rows, ofRows }: SampleTruncated): string {
  const of = rows === ofRows ? "all" : `${formatCount(rows)} of`;
  return `${of} ${counted(ofRows, "row")} of the sample`;
}

function failedRowsText({ rows, ofRows, first }: FailedRows): string {
  const { file, row, message } = first;
  const isAll = rows === ofRows;
  const share = isAll ? "all of its rows are" : `${formatCount(rows)} of ${counted(ofRows, "row")} are`;
  const place = `the first is row ${formatCount(row)}, counted from 0, of ${oneLine(file)}: ${oneLine(message)}`;
  return `${share} dead letters${isAll ? ", so nothing was measured" : ""}: ${place}`;
}

function timeText({ seconds, startSeconds, finishSeconds, nodes }: Estimate): string {
  const where = nodes === 1 ? "on this machine" : `on ${formatCount(nodes)} machines like this`;
  const parts = `start ${formatSeconds(startSeconds)}, reduce and publish ${formatSeconds(finishSeconds)}`;
  return `${formatSeconds(seconds)} ${where} (${parts})`;
}

function speedText({ rowsPerSecond, error, sampleRows, device, nodes, workers, lanes }: Estimate): string {
  const off = `± ${(100 * error).toFixed(1)} %`;
  const each = nodes === 1 ? "" : " each";
  const of = lanes === 0 ? "" : ` with ${counted(lanes, "lane")}`;
  const machine = `${device}, ${counted(workers, "worker")}${of}${each}`;
  return `${formatCount(rowsPerSecond)} rows/s ${off} (${machine}), measured on ${counted(sampleRows, "row")}`;
}

function memoryText({ memory: { workerBytes, coordinatorBytes }, workers }: Estimate): string {
  const each = `${formatBytes(workerBytes)} a worker, ${formatBytes(coordinatorBytes)} the coordinator`;
  return `${formatBytes(workers * workerBytes + coordinatorBytes)} (${each})`;
}

/** Formats a cost. Two significant digits show even fractions of a cent. */
function costText({ cost, nodes, seconds }: Estimate): string | null {
  if (cost === null) return null;
  const hours = Number(((nodes * seconds) / 3600).toPrecision(2));
  const amount = cost >= 1 ? cost.toFixed(2) : String(Number(cost.toPrecision(2)));
  return `${amount} (${hours} machine hours)`;
}
