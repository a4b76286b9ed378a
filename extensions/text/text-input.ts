import type { InputSpec } from "../../shared/domain/map-spec.ts";
import type { TextKeys } from "./spec.ts";

/** Input of a job, with the keys of text. */
export type TextInput = InputSpec & TextKeys;

export type TextInputs = Readonly<Record<string, TextInput>>;
