const DAY_MS = 86_400_000;
const MICROS_OF_DAY = 86_400_000_000n;

const DAY = /^(-?\d{1,6})[-/](\d{1,2})[-/](\d{1,2})( \(BC\))?/;
const TIME = /^[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?)?/;
const ZONE = /^(?:Z| ?UTC|([+-])(\d{2})(?::?(\d{2})(?::(\d{2}))?)?)$/;

/** Timestamps are microseconds in 64 bits. DuckDB uses two of these numbers for infinity. */
const MOST_MICROS = 2n ** 63n - 2n;

/** Returns an ISO 8601 date as days since 1970. Null: another text, or a day that does not exist. */
export function dayOf(text: string): number | null {
  const found = DAY.exec(text);
  return found === null || found[0].length !== text.length ? null : dayOfParts(found);
}

/**
 * Returns an ISO 8601 time as microseconds since 1970 in UTC. A date alone means its midnight. Null: another
 * text.
 */
export function microsOf(text: string): bigint | null {
  const date = DAY.exec(text);
  const day = date === null ? null : dayOfParts(date);
  if (date === null || day === null) return null;
  const behindDate = text.slice(date[0].length);
  if (behindDate === "") return inRange(BigInt(day) * MICROS_OF_DAY);
  const time = TIME.exec(behindDate);
  const micros = time === null ? null : microsOfTime(time);
  if (time === null || micros === null) return null;
  const offset = offsetOf(behindDate.slice(time[0].length));
  return offset === null ? null : inRange(BigInt(day) * MICROS_OF_DAY + micros - offset);
}

function dayOfParts([, year, month, day, era]: RegExpExecArray): number | null {
  if (era !== undefined && Number(year) <= 0) return null;
  const years = era === undefined ? Number(year) : 1 - Number(year);
  const date = new Date(0);
  // `Date.UTC` maps years below 100 to the 20th century.
  date.setUTCFullYear(years, Number(month) - 1, Number(day));
  const isDay = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  return isDay ? date.getTime() / DAY_MS : null;
}

function microsOfTime([, hours, minutes, seconds = "0", fraction = ""]: RegExpExecArray): bigint | null {
  const [hour, minute, second] = [Number(hours), Number(minutes), Number(seconds)];
  const micros = Number(fraction.slice(0, 6).padEnd(6, "0"));
  const isMidnight = hour === 24 && minute === 0 && second === 0 && micros === 0;
  if ((hour > 23 && !isMidnight) || minute > 59 || second > 59) return null;
  return BigInt((hour * 3600 + minute * 60 + second) * 1e6 + micros);
}

/** Returns a zone's offset from UTC in microseconds. Null: unknown zone. */
function offsetOf(text: string): bigint | null {
  if (text === "") return 0n;
  const found = ZONE.exec(text);
  if (found === null) return null;
  const [, sign, hours = "0", minutes = "0", seconds = "0"] = found;
  const ahead = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return BigInt((sign === "-" ? -ahead : ahead) * 1e6);
}

function inRange(micros: bigint): bigint | null {
  return micros > MOST_MICROS || micros < -MOST_MICROS ? null : micros;
}
