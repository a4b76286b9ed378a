import type { FoundLibrary } from "../../shared/extension/libraries.ts";
import type { DeviceProbe } from "../../shared/onnx/probe.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { oneLine } from "../../shared/terminal/text.ts";

const MAX_DETAIL_COLUMNS = 100;
const MAX_ADVICE_COLUMNS = 200;

interface Probed {
  readonly devices: readonly DeviceProbe[];
  readonly libraries: readonly FoundLibrary[];
  /** Sessions of CPU lanes: whether they can share one, and else the reason. */
  readonly sessions: { readonly shared: boolean; readonly reason: string | null };
}

/** Shows this machine's devices and optional libraries, with hints for what is missing. */
export function probeText({ devices, libraries, sessions }: Probed, style: Style = plainStyle): string {
  const rows = devices.map(({ device, ok, loadMs, runMs, detail }) => [
    device,
    ok ? "yes" : "no",
    milliseconds(loadMs),
    milliseconds(runMs),
    detail,
  ]);
  const columns = ["device", "runs", "load ms", "run ms", "what happened"];
  const table = renderTable({ columns, rows }, style, { maxCellColumns: MAX_DETAIL_COLUMNS });
  const hints = devices.flatMap(({ device, hint }) =>
    // Most hints begin with the device's name.
    hint === null
      ? []
      : [hint.startsWith(device) ? oneLine(hint) : `${style.accent(`${device}:`)} ${oneLine(hint)}`],
  );
  const used = libraries.map(({ serves, used, hint }) => [
    serves,
    used,
    hint === null ? "the fastest library" : oneLine(hint),
  ]);
  const found = renderTable({ columns: ["work", "library", "advice"], rows: used }, style, {
    maxCellColumns: MAX_ADVICE_COLUMNS,
  });
  return [
    table,
    ...(hints.length === 0 ? [] : ["", ...hints]),
    ...(used.length === 0 ? [] : ["", found]),
    "",
    sessions.shared
      ? "CPU lanes share the weights of a large model."
      : `CPU lanes cannot share the weights of a model: ${oneLine(sessions.reason ?? "")}`,
  ].join("\n");
}

function milliseconds(value: number | null): number | null {
  return value === null ? null : Number(value.toFixed(1));
}
