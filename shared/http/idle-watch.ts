import { systemClock } from "../core/clock.ts";

/** Calls once after a time without activity. Uses one timer, instead of one for each chunk. */
export class IdleWatch {
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #lastMs = systemClock.nowMs();
  #isPaused = false;
  #callOff: () => void;

  constructor(idleMs: number, onIdle: () => void) {
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
    this.#callOff = systemClock.after(idleMs, () => this.#look());
  }

  touch(): void {
    this.#isPaused = false;
    this.#lastMs = systemClock.nowMs();
  }

  pause(): void {
    this.#isPaused = true;
  }

  stop(): void {
    this.#callOff();
  }

  #look(): void {
    const leftMs = this.#isPaused ? this.#idleMs : this.#lastMs + this.#idleMs - systemClock.nowMs();
    if (leftMs <= 0) this.#onIdle();
    else this.#callOff = systemClock.after(Math.ceil(leftMs), () => this.#look());
  }
}
