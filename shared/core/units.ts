const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Formats `1536` as `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** Parses `1.5KiB` as 1536, and `1536`, too. Null: invalid. */
export function parseBytes(text: string): number | null {
  const [, value, unit = "B"] = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|TiB)?$/.exec(text.trim()) ?? [];
  const power = (BYTE_UNITS as readonly string[]).indexOf(unit);
  return value === undefined ? null : Math.round(Number(value) * 1024 ** power);
}

/** Formats `1234567` as `1,234,567`. Uses `Intl` only if necessary: loading it takes 15 ms of CPU time. */
export function formatCount(count: number): string {
  const whole = Math.round(count);
  if (!Number.isSafeInteger(whole) || Object.is(whole, -0)) return whole.toLocaleString("en-US");
  const below = whole % 1_000;
  if (below === whole) return String(whole);
  return `${formatCount((whole - below) / 1_000)},${String(Math.abs(below)).padStart(3, "0")}`;
}

/** Formats a rate: whole from ten on. Below, two digits, because whole numbers could be 0. */
export function formatRate(perSecond: number): string {
  return perSecond >= 10 ? formatCount(perSecond) : String(Number(perSecond.toPrecision(2)));
}

/** Formats `3725` seconds as `1h 2m 5s`. Under a minute, with one decimal. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0 ? `${hours}h ${minutes}m ${whole % 60}s` : `${minutes}m ${whole % 60}s`;
}

/** Milliseconds of the units that durations have after their number. */
export const MS_OF = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Parses `15m` as 900000. Null: not a whole number of seconds, minutes, hours or days. */
export function parseDurationMs(text: string): number | null {
  const [, value, unit] = /^(\d{1,9})(s|m|h|d)$/.exec(text) ?? [];
  return value === undefined ? null : Number(value) * MS_OF[unit as keyof typeof MS_OF];
}
