import type { InputSpec } from "../../shared/domain/map-spec.ts";
import type { TextKeys } from "./spec.ts";

/** Input of a job, with the text keys. */
export type TextInput = InputSpec & TextKeys;

export type TextInputs = Readonly<Record<string, TextInput>>;
