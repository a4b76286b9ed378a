import { NEVER } from "../../shared/core/abort.ts";
import { answerIsolated } from "../../shared/onnx/isolated.ts";
import { type PackQuestion, packSet } from "./pack-set.ts";

/** Process of `makeSet`. A set has gigabytes, and decoders read untrusted files. */
answerIsolated((question) => packSet(question as PackQuestion, NEVER));
