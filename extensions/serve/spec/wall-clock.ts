import { MS_OF } from "../../../shared/core/units.ts";

/** Far enough from any change of the clock that is near, the largest of which was a day. */
const APART_MS = 2 * MS_OF.d;

/** A clock on a wall of a time zone. Its times are numbers, as `Date.UTC` makes them of what it shows. */
export class WallClock {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "iso8601",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** Returns the time that the clock shows at an instant, to the second. */
  shown(atMs: number): number {
    const parts = new Map(this.#format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    return Date.UTC(
      part("year"),
      part("month") - 1,
      part("day"),
      part("hour"),
      part("minute"),
      part("second"),
    );
  }

  /** Returns the instant at which the clock goes forward over a time; null for a time that it shows. */
  skips(shownMs: number): number | null {
    const [early, late] = [shownMs - APART_MS, shownMs + APART_MS].map((at) => this.shown(at) - at);
    if (early === undefined || late === undefined || early >= late) return null;
    // With the earlier offset it would be behind the change, with the later one before it.
    let [before, behind] = [shownMs - late, shownMs - early];
    if (this.shown(before) === shownMs || this.shown(behind) === shownMs) return null;
    while (behind - before > MS_OF.s) {
      const middle = before + Math.floor((behind - before) / (2 * MS_OF.s)) * MS_OF.s;
      if (this.shown(middle) < shownMs) before = middle;
      else behind = middle;
    }
    return behind;
  }
}
