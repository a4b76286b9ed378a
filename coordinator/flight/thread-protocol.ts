import type { ErrorData } from "../../shared/core/errors.ts";
import type { LogLevel } from "../../shared/core/log.ts";
import type { Listening } from "../../shared/serving/listening.ts";
import type { Guard } from "../access/judge.ts";
import type { FlightPart, ServedJob } from "./flight.ts";

/** What a Flight thread is started with. */
export interface FlightThreadOptions {
  /** `host:port`; port 0 for any free one. */
  readonly listen: string;
  /** That it was given by: `--flight`. */
  readonly option: string;
  readonly guard: Guard;
  readonly listening: Listening;
  readonly logLevel: LogLevel;
}

/** What the thread wants to know of its owner. */
export type FlightQuestion =
  | { readonly kind: "jobs" }
  | { readonly kind: "combined"; readonly jobId: string; readonly reduction: string };

/** The answer to a question of each kind. */
export interface FlightAnswers {
  readonly jobs: readonly ServedJob[];
  readonly combined: readonly FlightPart[];
}

export type FlightEvent =
  | { readonly kind: "listening"; readonly address: string }
  | { readonly kind: "failed"; readonly error: ErrorData }
  | { readonly kind: "asks"; readonly id: number; readonly question: FlightQuestion };

export type FlightCommand =
  | { readonly kind: "answer"; readonly id: number; readonly answer: FlightAnswers[keyof FlightAnswers] }
  | { readonly kind: "refuse"; readonly id: number; readonly error: ErrorData }
  | { readonly kind: "close"; readonly graceMs: number };
