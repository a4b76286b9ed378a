/** Maps values to coordinates. */
export type Scale = (value: number) => number;

export function linear(most: number, from: number, to: number): Scale {
  return (value) => Math.round((from + (Math.min(value, most) / (most || 1)) * (to - from)) * 10) / 10;
}

/** Round steps of time. */
const SECONDS = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400,
  21_600, 43_200, 86_400, 172_800, 604_800,
];

/** Limit of ticks on an axis of any width. */
const MOST_TICKS = 8;

/** @param room count of ticks that fit */
export function secondTicks(most: number, room = MOST_TICKS): number[] {
  const count = Math.max(1, Math.min(MOST_TICKS, Math.floor(room)));
  const step = SECONDS.find((each) => most / each <= count) ?? Math.ceil(most / count);
  return ticksOf(most, step);
}

export function countTicks(most: number): number[] {
  const rough = Math.max(most, Number.MIN_VALUE) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= rough) ?? rough;
  return ticksOf(most, step);
}

function ticksOf(most: number, step: number): number[] {
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, index) => index * step);
}

/** Formats seconds: `1.5 s`, `2 min`, `1 h 30 min`, `3 d`. */
export function secondsText(seconds: number): string {
  if (seconds < 60) return `${trimmed(seconds, seconds < 10 ? 2 : 1)} s`;
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ] as const;
  const whole = Math.round(seconds);
  const at = units.findIndex(([, size]) => whole >= size);
  const [unit, size] = units[at] ?? ["s", 1];
  const [small, smallSize] = units[at + 1] ?? ["s", 1];
  const rest = Math.floor((whole % size) / smallSize);
  return `${Math.floor(whole / size)} ${unit}${rest > 0 ? ` ${rest} ${small}` : ""}`;
}

/** Formats a count for axes and tiles: `950`, `12.5 k`, `3.2 M`. */
export function shortCount(count: number): string {
  const units = ["", " k", " M", " G", " T"];
  let value = count;
  let at = 0;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1_000;
    at += 1;
  }
  return `${trimmed(value, value < 10 && (at > 0 || count < 10) ? 2 : 1)}${units[at]}`;
}

function trimmed(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
