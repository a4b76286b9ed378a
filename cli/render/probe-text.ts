import type { DeviceProbe } from "../../shared/onnx/probe.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { oneLine } from "../../shared/terminal/text.ts";

const MAX_DETAIL_COLUMNS = 100;

/** Shows the abilities of this machine's devices, and hints for the devices that do not run. */
export function probeText(results: readonly DeviceProbe[], style: Style = plainStyle): string {
  const rows = results.map(({ device, ok, loadMs, runMs, detail }) => [
    device,
    ok ? "yes" : "no",
    milliseconds(loadMs),
    milliseconds(runMs),
    detail,
  ]);
  const columns = ["device", "runs", "load ms", "run ms", "what happened"];
  const table = renderTable({ columns, rows }, style, { maxCellColumns: MAX_DETAIL_COLUMNS });
  const hints = results.flatMap(({ device, hint }) =>
    // Most hints begin with the device's name.
    hint === null
      ? []
      : [hint.startsWith(device) ? oneLine(hint) : `${style.accent(`${device}:`)} ${oneLine(hint)}`],
  );
  return hints.length === 0 ? table : [table, "", ...hints].join("\n");
}

function milliseconds(value: number | null): number | null {
  return value === null ? null : Number(value.toFixed(1));
}
