import { MS_OF } from "../../../shared/core/units.ts";

/** Distance from a clock change that has no other change nearby. The largest change was a day. */
const APART_MS = 2 * MS_OF.d;

/** Wall clock of a time zone. Shown times are numbers, as `Date.UTC` returns them for the shown fields. */
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

  /** Returns the instant at which the clock skips a time. Null: the clock shows that time. */
  skips(shownMs: number): number | null {
    const [early, late] = [shownMs - APART_MS, shownMs + APART_MS].map((at) => this.shown(at) - at);
    if (early === undefined || late === undefined || early >= late) return null;
    // Bounds of the change: the later offset gives an instant before it, the earlier offset one behind it.
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
